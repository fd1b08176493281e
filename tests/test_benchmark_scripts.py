"""The scripts of benchmarks/ run, at sizes that say nothing about speed."""

from __future__ import annotations

import math
import runpy
import sys
from pathlib import Path

import boards
import pytest
import record

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def test_the_statistics_of_a_small_board_are_timed(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["boards.py", "--quick"])
    with pytest.raises(SystemExit) as end:
        boards.main()
    said = capsys.readouterr().out
    assert not end.value.code and "3 indices x 2 stitchers x 2 targets, 8 networks balanced:3, 2 layers" in said
    # of each: 6 scopes with 2 statistics, and 4 that are no partial correlations with 2 others
    assert f"{3 * 2 * 2 * (6 * 2 + 4 * 2)} correlations" in said and "9 comparisons" in said


@pytest.mark.parametrize(
    ("name", "target"),
    [
        pytest.param("growth", "7", marks=pytest.mark.long),
        ("rates", "8"),
        pytest.param("starting", "9", marks=pytest.mark.long),
        ("records", "10"),
    ],
)
def test_a_script_runs_small(name, target, tmp_path, warm_cache, monkeypatch):
    monkeypatch.setenv("SIMBENCH_CACHE", str(warm_cache))
    monkeypatch.setattr(sys, "argv", [f"{name}.py", "--quick", "--out", str(tmp_path)])
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(BENCHMARKS / f"{name}.py"), run_name="__main__")  # which starts processes of its own
    rows = record.read(name, tmp_path)
    assert {row["target"] for row in rows} == {target}
    assert all(math.isfinite(float(row["value"])) for row in rows)
    assert any(row["wanted"] for row in rows)
    assert [row["name"] for row in record.read("runs", tmp_path) if row["name"] == name]
    assert (tmp_path / "growth.png").is_file() == (name == "growth")
    if name == "growth":  # counted and not timed, so the same at any size
        work = [row for row in rows if row["what"].startswith("forward work")]
        assert len(work) == 2 and all(row["met"] == "true" for row in work)
