"""`simbench.run`: the whole of a run in one call, as in a notebook."""

from __future__ import annotations

import pandas as pd
import pytest
from small_plugins import Net

import simbench
from simbench import columns
from simbench.results import tables
from simbench.runs.progress import Lines, Silent, shown

pytestmark = pytest.mark.usefixtures("undrawn")
SMALL = {
    "models": "net",
    "datasets": "blobs",
    "seeds": 2,
    "experiments": "matching",
    "indices": ["cka", "r2_lr"],
    "stitchers": "identity,least_squares",
}


@pytest.fixture
def run(small_registry, tmp_path, cache):
    """simbench.run on small networks, into a folder of the test's own."""

    def run(**options) -> simbench.Outcome:
        return simbench.run(registry=small_registry, **{"results": tmp_path / "results", **SMALL, **options})

    return run


@pytest.fixture(scope="module")
def first(small_registry, tmp_path_factory) -> simbench.Outcome:
    """A finished run, and the cache that it filled."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIMBENCH_CACHE", str(folder / "cache"))
        return simbench.run(registry=small_registry, results=folder / "results", **SMALL)


def test_one_call_trains_measures_tabulates_and_draws_without_a_word(run, capfd, tmp_path):
    outcome = run()
    assert capfd.readouterr() == ("", "")
    assert (outcome.cases, outcome.pending, outcome.measured) == (18, 18, 18)
    assert outcome.untrained == outcome.trained == 2
    assert outcome.ok and outcome.problems == () == outcome.corrupt and outcome.counts["ok"] == len(outcome.rows)
    assert [path.name for path in outcome.figures] == ["matching.png"]
    assert all(path.is_file() for path in (*outcome.figures, *outcome.paths.values()))
    assert outcome.folder == tmp_path / "results" and list(outcome.summaries) == ["matching"]


def test_the_tables_are_those_of_the_folder_typed_and_ready_to_use(first):
    outcome = first
    for name, path in outcome.paths.items():
        frame = getattr(outcome, name)
        pd.testing.assert_frame_equal(frame, tables.read(path, outcome.declared))
        table = columns.TABLES[path.name] if name != "leaderboard" else columns.board(outcome.declared)
        assert {column: dtype for column, dtype in columns.dtypes(table).items() if dtype is not str} == {
            column: str(frame[column].dtype) for column in frame if columns.dtypes(table)[column] is not str
        }
    stitched = outcome.measurements.query("quantity == 'relative_accuracy' and method == 'least_squares'")
    assert stitched["value"].mean() > 0 and set(stitched["samples"]) == {60}
    assert set(outcome.timings["run"]) == {outcome.run} == set(outcome.runs["run"])


def test_a_second_call_measures_nothing_and_gives_the_same_tables(first, run, monkeypatch):
    monkeypatch.setenv("SIMBENCH_CACHE", str(first.folder.parent / "cache"))
    again = run(results=first.folder)
    assert (again.measured, again.trained, again.run) == (0, 0, "") and again.rows == first.rows
    pd.testing.assert_frame_equal(again.measurements, first.measurements)
    assert "measured 18 of 18 cases" in str(first) and "nothing to compute: 18 cases on record" in str(again)


def test_a_dry_run_counts_and_writes_nothing(run, tmp_path):
    outcome = run(dry_run=True)
    assert (outcome.cases, outcome.pending, outcome.untrained, outcome.measured) == (18, 18, 2, 0)
    assert outcome.ok and outcome.leaderboard.empty and outcome.measurements["samples"].dtype == "Int64"
    assert not outcome.folder.exists()


class Halved(simbench.Index):
    """Half of CKA's largest value, everywhere; of no package."""

    name, source = "halved", "made by the tests"

    def from_moments(self, m):
        return (0 * m.ab).sum() + 0.5


def test_plugin_objects_stand_beside_names_and_need_not_be_installed(run):
    outcome = run(indices=["cka", Halved()], models=Net(), layers="bn1", stitchers="identity")
    values = outcome.measurements.query("method == 'halved'")["value"]
    assert len(values) == 2 and set(values) == {0.5}
    assert outcome.methods.set_index("method").at["halved", "package"] == Halved.__module__


def test_an_object_that_takes_the_name_of_an_installed_plugin_is_refused(run):
    class Other(Halved):
        name = "cka"

    with pytest.raises(simbench.InputError, match=r"index 'cka' is not the one that simbench .* provides"):
        run(indices=Other())


def test_an_object_of_another_kind_and_an_unknown_option_are_refused(run):
    with pytest.raises(simbench.InputError, match="stitchers hold Halved"):
        run(stitchers=Halved())
    with pytest.raises(simbench.InputError, match="option of a run 'indexes' is unknown; did you mean 'indices'"):
        run(indexes="cka")


@pytest.mark.long
def test_what_fails_is_a_problem_and_raises_nothing(run):
    class Fails(Halved):
        name = "fails"

        def from_moments(self, m):
            raise RuntimeError("out of luck")

    outcome = run(indices=["cka", Fails()])
    assert not outcome.ok and outcome.counts["failed"] == 4
    (line,) = outcome.problems
    assert line.startswith("failed: RuntimeError: out of luck (4 rows, e.g. matching fails ")


def test_a_request_is_taken_with_options_that_go_before_it(small_registry, tmp_path, cache):
    request = simbench.Request(**SMALL, results=tmp_path / "a")
    outcome = simbench.run(request, registry=small_registry, results=tmp_path / "b", dry_run=True)
    assert outcome.folder == tmp_path / "b" and outcome.cases == 18


@pytest.mark.long
def test_threads_last_as_long_as_the_run(run):
    import torch

    before = torch.get_num_threads()
    outcome = run(threads=before + 1)
    assert torch.get_num_threads() == before and outcome.runs["threads"].tolist() == [before + 1]


@pytest.mark.parametrize(
    "given, typed", [(2, "2"), ([0, 3], "0,3"), ([3], "3,"), (range(2), "0,1"), ("6", "6"), (None, None)]
)
def test_seeds_are_a_count_or_a_list(given, typed):
    assert simbench.Request(seeds=given).seeds == typed


def test_progress_is_silent_lines_or_an_object_of_ones_own():
    own = Lines()
    assert isinstance(shown(None), Silent) and isinstance(shown("lines"), Lines) and shown(own) is own
    with pytest.raises(simbench.InputError, match="progress 'bars' is unknown; did you mean 'bar'"):
        shown("bars")
