"""A results folder's tables follow from its records, and what follows from the same numbers is not computed again."""

from __future__ import annotations

import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from simbench import Experiment, columns
from simbench.contracts import Row
from simbench.results import figures
from simbench.results import folder as publish
from simbench.results.store import Contents, Record, Store
from simbench.statistics import correlate

DIRECTION = {"cka": 1, "distance": -1}


def record(a: int, b: int, kind: str, method: str, *rows: Row) -> Record:
    labels = {
        "dataset": "d",
        "split": "test",
        "view": "spatial",
        "model_a": "net",
        "seed_a": str(a),
        "layer_a": "bn1",
        "model_b": "net",
        "panel": "",
        "seed_b": str(b),
        "layer_b": "bn1",
        "experiment": "matching",
        "kind": kind,
        "method": method,
        "params": "",
        "seed": 0,
        "samples": 60,
    }
    told = dict.fromkeys(columns.METHODS, "") | {
        "kind": kind,
        "method": method,
        "spec": method,
        "version": 1,
        "direction": DIRECTION.get(method, ""),
    }
    return Record(f"{a}{b}{method}", {}, labels, told, rows, 0.5, "r1")


def four_networks() -> Contents:
    """Four networks; cka and accuracy grow together, the distance falls."""
    records = []
    for a in range(4):
        for b in range(4):
            if a != b:
                x = 0.05 * (3 * a + b)
                records += [
                    record(a, b, "index", "cka", Row("similarity", x)),
                    record(a, b, "index", "distance", Row("similarity", -x)),
                    record(a, b, "stitcher", "ls", Row("kl_divergence", math.exp(-x)), Row("residual", 1 - x)),
                ]
    return Contents({each.key: each for each in records}, {"r1": {"command": "simbench run", "seconds": 1.0}})


@pytest.fixture
def contents() -> Contents:
    return four_networks()


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("published")
    publish.publish(four_networks(), folder)
    return folder


@pytest.fixture
def folder(published, tmp_path) -> Path:
    """A copy of their tables."""
    return shutil.copytree(published, tmp_path, dirs_exist_ok=True)


def stamps(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_ino for path in folder.iterdir()}


def test_all_files_are_written_with_their_documented_columns(folder):
    assert sorted(path.name for path in folder.iterdir()) == sorted(publish.FILES) and len(publish.FILES) == 7
    for name, wanted in columns.TABLES.items():
        assert list(publish.read(folder, name).columns) == list(wanted)
    assert len(publish.read(folder, "measurements.csv")) == 12 * 4 and len(publish.read(folder, "timings.csv")) == 36
    assert publish.read(folder, "methods.csv")["method"].tolist() == ["cka", "distance", "ls"]
    assert publish.read(folder, "runs.csv")["command"].tolist() == ["simbench run"]


def test_correlations_and_leaderboard_are_those_of_the_measurements(folder):
    board = publish.read(folder, "leaderboard.csv")
    ls = board[board["stitcher"] == "ls"]
    assert ls["index"].tolist() == ["cka", "distance"] and ls["within"].tolist() == [1, 1]  # oriented by methods.csv
    again = correlate.correlate(publish.read(folder, "measurements.csv"), publish.read(folder, "methods.csv")).table
    pd.testing.assert_frame_equal(
        publish.read(folder, "correlations.csv")[["index", "scope", "value"]],
        again[["index", "scope", "value"]],
        check_dtype=False,
    )


def test_nothing_is_correlated_or_written_again_when_nothing_changed(folder, contents, monkeypatch):
    before = stamps(folder)
    monkeypatch.setattr(publish, "correlate", lambda *_: pytest.fail("correlated again"))
    publish.publish(contents, folder)
    assert stamps(folder) == before


def test_another_run_of_the_same_numbers_changes_timings_and_runs_only(folder, contents, monkeypatch):
    before = stamps(folder)
    monkeypatch.setattr(publish, "correlate", lambda *_: pytest.fail("correlated again"))
    later = {key: replace(each, run="r2", seconds=0.7) for key, each in contents.records.items()}
    publish.publish(Contents(later, contents.runs | {"r2": {"command": "again"}}), folder)
    assert {name for name, stamp in stamps(folder).items() if stamp != before[name]} == {"timings.csv", "runs.csv"}


@pytest.mark.parametrize("change", ["value", "direction"])
def test_a_changed_number_or_claim_is_correlated_anew(folder, contents, change):
    before = (folder / "correlations.csv").read_bytes()
    records = dict(contents.records)
    for key, each in records.items():
        if change == "value" and each.rows[0].quantity == "similarity":
            records[key] = replace(each, rows=(Row("similarity", (each.rows[0].value - 0.2) ** 2),))
        elif change == "direction" and each.labels["method"] == "cka":
            records[key] = replace(each, method=each.method | {"direction": -1})
    publish.publish(Contents(records, contents.runs), folder)
    assert (folder / "correlations.csv").read_bytes() != before


#: All at once, and each alone.
LOST = [publish.FILES, *(pytest.param((name,), marks=pytest.mark.long) for name in publish.FILES)]


@pytest.mark.parametrize("names", LOST)
def test_a_missing_file_comes_back(folder, contents, names):
    before = {name: (folder / name).read_bytes() for name in names}
    for name in names:
        (folder / name).unlink()
    publish.publish(contents, folder)
    assert {name: (folder / name).read_bytes() for name in names} == before


def test_what_is_no_table_in_the_place_of_derived_ones_is_written_again(folder, contents):
    before = {name: (folder / name).read_bytes() for name in publish.DERIVED}
    for name in before:
        (folder / name).write_bytes(b"\xff\x00" * 9)
        publish.publish(contents, folder)
        assert {name: (folder / name).read_bytes() for name in before} == before


def test_correlations_are_made_anew_when_asked_for(folder, contents, monkeypatch):
    asked = []
    monkeypatch.setattr(publish, "correlate", lambda *given: asked.append(given) or correlate.correlate(*given))
    publish.publish(contents, folder, anew=True)
    assert len(asked) == 1


def test_correlations_cut_short_are_not_taken_for_those_of_the_new_measurements(folder, contents, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    changed = {
        key: replace(each, rows=tuple(replace(row, value=row.value**2) for row in each.rows[:1]))
        for key, each in contents.records.items()
        if "3" not in key
    }
    with monkeypatch.context() as patch:
        patch.setattr(publish, "correlate", interrupted)
        with pytest.raises(KeyboardInterrupt):
            publish.publish(Contents(changed, contents.runs), folder)
    publish.publish(Contents(changed, contents.runs), folder)
    assert set(publish.read(folder, "correlations.csv")["networks"]) == {3}


def test_a_folder_without_records_has_empty_tables(tmp_path):
    publish.publish(Contents(), tmp_path)
    assert all(publish.read(tmp_path, name).empty for name in publish.FILES)


class Counted(Experiment):
    """Draws its similarities and its arrays, and counts how often."""

    name, source = "matching", "this test"

    def __init__(self):
        self.drawn = 0

    def figure(self, rows, kept):
        self.drawn += 1
        figure, (axes,) = figures.panels(1)
        axes.plot(rows.loc[rows["quantity"] == "similarity", "value"], label="similarity")
        for one in kept:
            axes.plot(one.arrays["weight"], label=one.labels["method"])
        axes.legend()
        return figure


class Undrawable(Experiment):
    name, source = "matching", "this test"

    def figure(self, rows, kept):
        raise ValueError("no\nink")


def svg(folder: Path) -> str:
    return (folder / "figures" / "matching.svg").read_text()


def test_a_figure_is_drawn_from_rows_and_arrays_once_and_again_when_they_change(tmp_path, contents):
    experiment = Counted()
    first, *_ = contents.records.values()
    kept = Store(tmp_path).put(first, {"weight": np.arange(3.0)})
    contents.records[first.key] = kept
    for _ in range(2):
        there, problems = publish.draw(contents, tmp_path, [experiment])
        assert there == [tmp_path / "figures" / "matching.png"] and not problems and there[0].is_file()
    assert experiment.drawn == 1 and ">cka<" in svg(tmp_path) and ">similarity<" in svg(tmp_path)
    again = Store(tmp_path).put(replace(kept, run="r2"), {"weight": np.zeros(3)})
    contents = replace(contents, records=contents.records | {first.key: again})
    publish.draw(contents, tmp_path, [experiment])
    assert experiment.drawn == 2


def test_an_experiment_without_records_or_without_a_figure_draws_none(tmp_path, contents):
    assert publish.draw(Contents(), tmp_path, [Counted()]) == ([], {})

    class Plain(Experiment):
        name, source = "matching", "this test"

    assert publish.draw(contents, tmp_path, [Plain()]) == ([], {}) and not (tmp_path / "figures").exists()


def test_a_figure_that_cannot_be_drawn_is_told_in_one_line(tmp_path, contents):
    assert publish.draw(contents, tmp_path, [Undrawable()]) == ([], {"matching": "ValueError: no ink"})


def test_tables_and_figures_are_made_of_the_same_columns(tmp_path):
    contents = Contents({"k": record(0, 1, "index", "cka", Row("similarity", 0.5))})
    assert contents.frame is contents.frame and len(contents.frame) == 1
    asked = []

    class Counted(dict):
        def values(self):
            asked.append("columns")
            return super().values()

    contents = Contents(Counted(contents.records))
    publish.publish(contents, tmp_path)
    publish.draw(contents, tmp_path, [])
    assert asked == ["columns"]
