"""The scripts of benchmarks/ run, at sizes that say nothing about speed."""

from __future__ import annotations

import math
import runpy
import sys
from pathlib import Path

import pytest
import record

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.mark.parametrize(("name", "target"), [("growth", "7"), ("rates", "8"), ("starting", "9")])
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
