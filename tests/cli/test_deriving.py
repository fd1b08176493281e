"""`simbench correlate` and `simbench leaderboard` on one finished run."""

from __future__ import annotations

import shutil

import pytest

from simbench.results import folder as publish


@pytest.fixture
def results(finished, tmp_path):
    """A copy of the finished run's records, without its tables."""
    shutil.copytree(finished.folder / "simbench-results", tmp_path / "r", ignore=shutil.ignore_patterns("*.csv"))
    return tmp_path / "r"


def test_the_leaderboard_and_every_table_come_from_the_records_alone(call, results, finished):
    done = call("leaderboard", "--results", str(results))
    assert done.code == 0 and done.err == ""
    for name in publish.FILES:
        assert (results / name).read_bytes() == (finished.folder / "simbench-results" / name).read_bytes(), name
    board = finished.out.split("\nmatching\n")[0].strip()
    assert done.out.startswith(board) and f"leaderboard in {results / 'leaderboard.csv'}" in done.out


@pytest.mark.parametrize(
    "options",
    [
        [],
        pytest.param(["--scope", "pooled"], marks=pytest.mark.long),
        pytest.param(["--scope", "bn8", "--statistic", "kendall"], marks=pytest.mark.long),
        ["--target", "cross_entropy", "--statistic", "pearson"],
    ],
)
def test_correlations_of_a_scope_a_statistic_and_a_target(call, results, options):
    done = call("correlate", "--results", str(results), *options)
    assert done.code == 0 and done.err == ""
    rows = [line for line in done.out.splitlines() if " tiny10 " in line]
    assert len(rows) == 2 * 2  # indices, stitchers
    assert all(row.split()[-2:] == ["2", "2"] for row in rows), "two networks, two ordered pairs"


def test_an_unknown_scope_is_one_line(call, results):
    done = call("correlate", "--results", str(results), "--scope", "withn")
    assert (
        done.code == 2
        and done.err
        == "simbench: scope 'withn' is unknown; did you mean 'within' or 'within_end' or 'within_accuracy'?\n"
    )


@pytest.mark.parametrize("option, value", [("--statistic", "speerman"), ("--target", "accuracy")])
def test_an_unknown_statistic_or_target_is_one_line(call, results, option, value):
    done = call("correlate", "--results", str(results), option, value)
    assert done.code == 2 and done.err.count("\n") == 1 and f"'{value}' is not one of" in done.err
    assert not list(results.glob("*.csv"))


@pytest.mark.parametrize("verb", ["correlate", "leaderboard"])
@pytest.mark.parametrize("folder", ["nowhere", "file"])
def test_no_records_are_one_line_and_nothing_is_written(call, verb, folder, tmp_path):
    (tmp_path / "file").write_text("")
    done = call(verb, "--results", str(tmp_path / folder))
    assert done.code == 2 and done.out == "" and done.err.count("\n") == 1
    assert "holds no records; run `simbench run`" in done.err and not (tmp_path / "nowhere").exists()


def test_a_corrupt_record_is_named_and_left_out(call, results):
    broken = next((results / "records").rglob("*.json"))
    broken.write_text("{}")
    done = call("leaderboard", "--results", str(results))
    assert done.code == 0 and f"simbench: {broken} is corrupt: ignored" in done.err
    assert len(publish.read(results, "timings.csv")) == 9
