"""A run that was interrupted, killed or left with a damaged record goes on, and ends with the same tables."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import BrokenExecutor, Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from small_requests import go, table

from simbench.results.store import Store
from simbench.runs.job import prepare


def test_a_lost_worker_costs_its_cases_and_the_next_run_mends_them(request_, small_registry):
    class Dies(ThreadPoolExecutor):
        def submit(self, fn, parcel, *rest):
            if " conv2 " not in getattr(parcel, "what", ""):
                return super().submit(fn, parcel, *rest)
            future = Future()
            future.set_exception(BrokenExecutor("killed"))
            return future

    with Dies(1) as executor:
        outcome, said = go(request_, small_registry, executor)
    failed = [row for _, row in outcome.rows if row.status == "failed"]
    assert len(failed) == 8 and all(row.note == "lost 4 times: WorkerLost: BrokenExecutor: killed" for row in failed)
    assert any(line.startswith("failed: ") for line in said)
    mended, _ = go(request_, small_registry)
    assert mended.measured == 8 and all(row.status == "ok" for _, row in mended.rows)


@pytest.mark.long
def test_a_corrupt_record_is_listed_and_measured_again(request_, small_registry):
    go(request_, small_registry)
    before = table(request_)
    broken = next((request_.results / "records").rglob("*.json"))
    broken.write_text(broken.read_text()[:100])
    job = prepare(request_, small_registry)
    assert job.contents.corrupt == (broken,) and job.pending == 1
    go(request_, small_registry)
    assert table(request_) == before


def test_an_interrupted_run_goes_on_and_ends_with_the_same_tables(request_, small_registry, tmp_path, monkeypatch):
    whole = replace(request_, results=tmp_path / "whole")
    go(whole, small_registry)
    put, count = Store.put, 0

    def interrupted(self, record, arrays):
        nonlocal count
        count += 1
        if count == 8:
            raise KeyboardInterrupt
        return put(self, record, arrays)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "put", interrupted)
        with pytest.raises(KeyboardInterrupt):
            go(request_, small_registry)
    rest, _ = go(request_, small_registry)
    assert rest.measured == rest.cases - 7 and table(request_) == table(whole)


KILLED = """
import sys
from dataclasses import replace
from pathlib import Path
import simbench
from simbench.runs.driver import run
from simbench.runs.job import prepare
from small_plugins import SmallPlugins
from small_requests import SMALL, Silent
registry = simbench.load([SmallPlugins()])
run(prepare(replace(SMALL, results=Path(sys.argv[1])), registry), registry, Silent())
"""


@pytest.mark.long
def test_a_killed_run_goes_on_and_ends_with_the_same_tables(request_, small_registry, tmp_path):
    whole = replace(request_, results=tmp_path / "whole")
    go(whole, small_registry)
    path = str(Path(__file__).parents[1] / "support")
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(request_.results)], env=os.environ | {"PYTHONPATH": path}
    )
    until = time.monotonic() + 60
    while time.monotonic() < until and len(list(request_.results.rglob("records/*/*.json"))) < 5:
        time.sleep(0.005)
    child.send_signal(signal.SIGKILL)
    child.wait()
    there = len(list(request_.results.rglob("records/*/*.json")))
    rest, _ = go(request_, small_registry)
    assert there >= 5 and rest.measured <= rest.cases - 5 and table(request_) == table(whole)
