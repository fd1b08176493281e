"""Runs of several people are joined by content: nothing is lost, and what differs is reported."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
from small_figures import empty_rankings

import simbench
from simbench.errors import InputError
from simbench.publishing.merging import Conflicting, merge
from simbench.results.store import Store
from simbench.runs.declared import board_columns


@pytest.fixture
def brief():
    """Nothing is ranked: a test of its own compares the tables of what is merged."""
    with empty_rankings():
        yield


def methods_named(*names):
    """Keeps the records of these methods."""
    return lambda record: record if record.labels["method"] in names else None


def shifted(method, by, quantity=None):
    """Adds a number to the values of a method."""

    def change(record):
        if record.labels["method"] != method:
            return record
        rows = [
            replace(row, value=row.value + by) if row.value is not None and quantity in (None, row.quantity) else row
            for row in record.rows
        ]
        return replace(record, rows=tuple(rows), arrays="")

    return change


def failing(method):
    """Makes the rows of a method failed ones."""

    def change(record):
        rows = tuple(replace(row, value=None, status="failed", note="no memory") for row in record.rows)
        return replace(record, rows=rows, arrays="") if record.labels["method"] == method else record

    return change


def test_parts_of_a_run_become_the_run(finished, copy, tmp_path):
    parts = [copy("a", methods_named("", "cka", "identity")), copy("b", methods_named("r2_lr", "least_squares"))]
    merged = merge(parts, tmp_path / "all", declared=board_columns(simbench.load()))
    whole, joined = Store(finished).read(), Store(tmp_path / "all").read()
    assert joined.records == whole.records and joined.runs == whole.runs
    assert merged.records == len(whole.records) == sum(merged.added.values()) and merged.shared == 0
    for name in ("measurements.csv", "methods.csv", "leaderboard.csv", "correlations.csv"):
        assert (tmp_path / "all" / name).read_text() == (finished / name).read_text()


@pytest.mark.usefixtures("brief")
def test_arrays_come_along(finished, copy, tmp_path):
    merge([copy("a")], tmp_path / "all")
    store, other = Store(finished), Store(tmp_path / "all")
    for record in store.read().records.values():
        assert record.arrays == "" or store.arrays(record).keys() == other.arrays(record).keys()


@pytest.mark.usefixtures("brief")
def test_values_within_rounding_agree_and_the_first_is_taken(finished, copy, tmp_path):
    merged = merge([copy("a"), copy("b", shifted("cka", 5e-7))], tmp_path / "all")
    assert not merged.conflicts and merged.shared == merged.records
    assert Store(tmp_path / "all").read().records == Store(finished).read().records


@pytest.mark.usefixtures("brief")
def test_a_conflict_is_refused_with_both_values_and_sources(copy, tmp_path):
    folders = [copy("a"), copy("b", shifted("cka", -0.25))]
    with pytest.raises(Conflicting, match=r"2 numbers of 2 cases differ by more than rounding") as caught:
        merge(folders, tmp_path / "all")
    line = str(caught.value.conflicts[0])
    assert "matching cka similarity, tiny10-" in line and "bn8: 0." in line
    assert all(str(folder) in line for folder in folders) and "\n" not in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]  # nothing is left behind


@pytest.mark.usefixtures("brief")
@pytest.mark.long
def test_both_values_are_listed_on_request(finished, copy, tmp_path):
    merge([copy("a"), copy("b", shifted("cka", -0.25))], tmp_path / "all", keep="both")
    table = pd.read_csv(tmp_path / "all" / "conflicts.csv")
    assert len(table) == 2 and (table["value_a"] - table["value_b"]).to_numpy() == pytest.approx(0.25)
    assert set(table["method"]) == {"cka"} and table["source_b"].str.endswith("b").all()
    assert Store(tmp_path / "all").read().records == Store(finished).read().records
    merge([copy("c"), copy("d", shifted("cka", -0.25))], tmp_path / "first", keep="first")
    assert not (tmp_path / "first" / "conflicts.csv").exists()


@pytest.mark.usefixtures("brief")
@pytest.mark.parametrize(
    ("value", "by", "agree"),
    [(1e3, 5e-4, True), (1e3, 5e-3, False), pytest.param(0.5, 5e-6, False, marks=pytest.mark.long)],
)
def test_the_tolerance_is_relative_above_1(copy, tmp_path, value, by, agree):
    def of(number):
        def change(record):
            rows = tuple(replace(row, value=number) for row in record.rows)
            return replace(record, rows=rows, arrays="") if record.labels["method"] == "cka" else record

        return change

    folders = [copy("a", of(value)), copy("b", of(value + by))]
    assert bool(merge(folders, tmp_path / "all", keep="first").conflicts) is not agree


@pytest.mark.usefixtures("brief")
def test_the_tolerance_can_be_given(copy, tmp_path):
    folders = [copy("a"), copy("b", shifted("cka", -0.25))]
    assert not merge(folders, tmp_path / "wide", tolerance=0.3).conflicts
    with pytest.raises(Conflicting):
        merge([copy("c"), copy("d", shifted("cka", 5e-7))], tmp_path / "narrow", tolerance=1e-8)


@pytest.mark.usefixtures("brief")
def test_a_record_without_failures_wins_from_one_with(finished, copy, tmp_path):
    for folders in ([copy("a", failing("cka")), copy("b")], [copy("c"), copy("d", failing("cka"))]):
        to = tmp_path / f"all-{folders[0].name}"
        assert not merge(folders, to).conflicts
        assert Store(to).read().records == Store(finished).read().records


@pytest.mark.usefixtures("brief")
def test_a_degenerate_value_against_a_number_is_a_conflict(copy, tmp_path):
    def degenerate(record):
        rows = tuple(replace(row, value=None, status="degenerate", note="constant") for row in record.rows)
        return replace(record, rows=rows) if record.labels["method"] == "cka" else record

    with pytest.raises(Conflicting) as caught:
        merge([copy("a"), copy("b", degenerate)], tmp_path / "all")
    assert "degenerate in " in str(caught.value.conflicts[0])


@pytest.mark.usefixtures("brief")
def test_two_runs_of_one_name_keep_their_descriptions(copy, tmp_path):
    first, second = copy("a", methods_named("cka")), copy("b", methods_named("r2_lr"))
    (name, description), *_ = Store(second).read().runs.items()
    Store(second).put_run(name, description | {"command": "another"})
    merge([first, second], tmp_path / "all")
    contents = Store(tmp_path / "all").read()
    by_method = {record.labels["method"]: contents.runs[record.run]["command"] for record in contents.records.values()}
    assert by_method == {"cka": "simbench run --seeds 2", "r2_lr": "another"}


@pytest.mark.usefixtures("brief")
def test_a_damaged_record_is_left_out_and_named(copy, tmp_path):
    folder = copy("a")
    path = next(iter(sorted((folder / "records").rglob("*.json"))))
    path.write_text(path.read_text()[:-20])
    assert merge([folder], tmp_path / "all").corrupt == (path,)


@pytest.mark.parametrize(
    ("to", "message"), [("a", "exists already; give a new folder with --to"), ("b/c", "holds no records")]
)
def test_bad_folders_are_one_line(copy, tmp_path, to, message):
    folder = copy("a")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=message) as caught:
        merge([folder, tmp_path / "empty"], tmp_path / to)
    assert "\n" not in str(caught.value)


def test_figures_are_those_of_all_records_together(brief, registry, copy, tmp_path):
    parts = [copy("a", methods_named("", "cka", "identity")), copy("b", methods_named("r2_lr", "least_squares"))]
    assert merge(parts, tmp_path / "all", registry=registry).undrawn == {}
    drawn = sorted(path.name for path in (tmp_path / "all" / "figures").glob("*.*g"))
    assert drawn == ["matching.png", "matching.svg"]
