"""The scripts of benchmarks/ run, at sizes that say nothing about speed."""

from __future__ import annotations

import math
import runpy
import sys
from dataclasses import replace
from pathlib import Path

import boards
import pytest
import record
import scale
import sweep
from simulated_run import LAYERS, Costs, simulate

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
        pytest.param("rates", "8", marks=pytest.mark.long),
        pytest.param("starting", "9", marks=pytest.mark.long),
        pytest.param("records", "13", marks=pytest.mark.long),
        pytest.param("scale", "14", marks=pytest.mark.long),
        pytest.param("workers", "15", marks=pytest.mark.long),
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
    assert (tmp_path / f"{name}.png").is_file() == (name in ("growth", "scale"))
    if name == "growth":  # counted and not timed, so the same at any size
        work = [row for row in rows if row["what"].startswith("forward work")]
        assert len(work) == 2 and all(row["met"] == "true" for row in work)


@pytest.mark.long
def test_a_sweep_starts_each_network_once_on_every_image():
    cuts, images = ("layer3.1", "layer4.0", "layer4.1"), 128
    board, counts = sweep.matrix(images, cuts)
    assert board.matrix("cka").shape == board.matrix("accuracy").shape == (3, 3)
    for name in "ab":  # a pass over each split, and a few inputs that find layers, sizes and cuts
        assert 2 * images <= counts[f"starts of {name}"] < 3 * images
    assert 9 * images <= counts["ends of b"] < 11 * images


SOME = Costs(indices=50, pair=1.0, side=0.0, whole=0.0, weights=0.0, unit=0.001, record=0.0)


def test_simulated_workers_share_the_work_until_the_driver_holds_them_up():
    pairs = scale.every(30)
    total = 2 * len(pairs) * LAYERS
    hours = {workers: simulate(pairs, SOME, workers) for workers in (1, 10, 100)}
    for workers, out in hours.items():
        assert total <= workers * out.seconds <= 1.2 * total, (workers, out)
    slow = simulate(pairs, replace(SOME, record=0.01), 100)  # 100 records of a unit of 2 s take as long as 1
    assert slow.seconds == pytest.approx(total / 2 * 100 * 0.01, rel=0.1)


def test_a_simulated_worker_runs_each_network_of_its_tile_once():
    pairs = scale.every(30)
    costs = replace(SOME, whole=5.0, side=0.25)
    alone = simulate(pairs, costs, 1)
    assert (alone.passes, alone.divided) == (30, 0)
    assert alone.running == pytest.approx(30 * 5) and alone.sharing == pytest.approx(30 * LAYERS * 0.25)


def test_simulated_failures_lose_units_and_none_of_the_work():
    pairs = scale.every(20)
    out = simulate(pairs, SOME, 10, mean_life=0.05)
    assert out.lost > 3 and out.busy == pytest.approx(SOME.unit * (out.units + out.lost), rel=0.2)
    assert out.recorded == len(pairs) * LAYERS
    assert out.seconds > simulate(pairs, SOME, 10).seconds
