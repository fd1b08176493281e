"""The stages of a whole run are seen, and none is held across a yield."""

from __future__ import annotations

import ast
import time
from pathlib import Path

import pytest
from run_stages import TRAINED
from small_runs import go

import simbench
from simbench.runs.request import Request
from simbench.system.stopwatch import OTHER, recording


@pytest.mark.long
def test_every_stage_of_a_run_is_seen_and_little_of_it_is_other(small_registry, cache, tmp_path):
    request = Request(
        ("matching",),
        indices=("cka",),
        stitchers=("identity,task_loss[epochs=1]",),
        models=("net",),
        datasets=("blobs",),
        seeds="2",
        layers=("conv2",),
        view=("spatial,flat",),
        results=tmp_path / "results",
    )
    start = time.perf_counter()
    with recording() as profile:
        begun = time.perf_counter()
        go(request, small_registry)
        inside = time.perf_counter() - begun
    took = time.perf_counter() - start
    found = {row.stage: (row.seconds, row.calls) for row in profile.rows}
    assert set(found) == TRAINED
    # Between the two, however long this process had to wait for a core; the sums are rounded.
    assert inside - 1e-6 <= sum(seconds for seconds, _ in found.values()) <= took + 1e-6
    assert found[OTHER][0] < 0.25 * took and found["training networks"][1] == 2


def test_no_stage_is_held_across_a_yield():
    held = [
        f"{path}:{node.lineno}"
        for path in Path(simbench.__file__).parent.rglob("*.py")
        if "stage(" in (text := path.read_text())
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.With)
        and any("stage(" in ast.unparse(item) for item in node.items)
        and any(isinstance(inner, ast.Yield | ast.YieldFrom) for inner in ast.walk(node))
    ]
    assert not held
