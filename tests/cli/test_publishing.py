"""`simbench publish` and `simbench merge`: what is written, and refusals of a line each."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest

from simbench.results.store import Store

pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.fixture
def results(finished, tmp_path):
    """A copy of the finished run."""
    return shutil.copytree(finished.folder / "simbench-results", tmp_path / "work" / "mine")


@pytest.fixture
def light(monkeypatch):
    """Methods are not checked: tests of the kit, and of publications, do that."""
    monkeypatch.setattr("simbench.publishing.validity.checks", lambda plugin: [])


def test_a_run_is_published_and_merged_again(call, results, light):
    done = call("publish", "mine", "--to", "out", "--title", "T", "--author", "A", "--author", "B", "--records")
    assert done.code == 0 and done.out.startswith("published in out: 4 methods, 2 networks, rows: "), done.err
    assert "checking index cka\n" in done.err and "the card names no licence; --licence does\n" in done.err
    card = json.loads((done.folder / "out" / "card.json").read_text())
    assert card["authors"] == ["A", "B"] and (done.folder / "out" / "records.zip").is_file()
    merged = call("merge", "out", "mine", "--to", "all")
    assert merged.code == 0 and merged.out.splitlines()[-1] == "merged into all: 10 records; 10 cases were in several"


def test_reasons_are_lines_and_nothing_is_written(call, results, light):
    for path in sorted((results / "records").rglob("*.json"))[:2]:
        path.write_text("{}")
    done = call("publish", "mine", "--to", "out")
    lines = done.err.splitlines()
    damaged = [line for line in lines if "is corrupt; `simbench run` measures its case again" in line]
    assert done.code == 1 and len(damaged) == 2 and not (done.folder / "out").exists()


def test_conflicts_are_lines_and_nothing_is_written(call, results):
    other = shutil.copytree(results, results.parent / "other")
    store = Store(other)
    record = next(r for r in store.read().records.values() if r.labels["method"] == "cka")
    row = record.rows[0]
    store.put(replace(record, rows=(replace(row, value=row.value / 2),)))
    done = call("merge", "mine", "other", "--to", "all")
    first, last = done.err.splitlines()
    assert done.code == 1 and "matching cka similarity" in first and "mine and " in first and "other" in first
    assert "give --keep first, or --keep both" in last and not (done.folder / "all").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("publish", "nowhere", "--to", "out"), "'nowhere' holds no records"),
        (("publish", "mine", "--to", "mine"), "'mine' exists already; give a new folder with --to"),
        (("merge", "mine", "nowhere", "--to", "out"), "'nowhere' holds no records"),
        (("merge", "mine", "--to", "out", "--keep", "last"), "--keep is 'last'; allowed: first, both"),
        (("merge", "--to", "out"), "Missing argument"),
    ],
)
def test_bad_input_is_one_line(call, results, words, message):
    done = call(*words)
    assert done.code == 2 and done.err.count("\n") == 1 and message in done.err


def test_published_runs_are_ranked_together_and_nothing_is_written(call, results):
    before = {path: path.stat().st_mtime_ns for path in results.rglob("*")}
    done = call("leaderboard", "mine", "mine")
    assert done.code == 0 and "matching, tiny10 on digits" in done.out, done.err
    assert done.out.endswith("2 folders ranked together: mine, mine\n")
    assert {path: path.stat().st_mtime_ns for path in results.rglob("*")} == before
    assert not (done.folder / "simbench-results").exists()
