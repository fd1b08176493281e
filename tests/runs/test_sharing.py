"""Several runs in one results folder: together they measure each case once, and nobody waits for the dead."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from flaky_workers import Flaky
from small_requests import SMALL, Silent, go, table

from simbench.results.segments.packing import pack
from simbench.results.store import Store
from simbench.runs.driver import run
from simbench.runs.job import prepare
from simbench.system.underway import UnderWay

SUPPORT = Path(__file__).parents[1] / "support"


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("SIMBENCH_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="module")
def honest(small_registry, tmp_path_factory, cache) -> bytes:
    """The table of a run alone, which trains the networks."""
    request = replace(SMALL, results=tmp_path_factory.mktemp("honest"))
    go(request, small_registry)
    return table(request)


class Heard(Silent):
    """Does something once when a line is said that has a word."""

    def __init__(self, word, act):
        super().__init__()
        self.word, self.act = word, act

    def say(self, line):
        super().say(line)
        if self.word in line and self.act:
            act, self.act = self.act, None
            act()


@pytest.mark.parametrize(
    ("executor", "recorded"),
    [
        pytest.param(Flaky, True, id="on workers, it records them"),
        pytest.param(None, True, id="here, it records them", marks=pytest.mark.long),
        pytest.param(Flaky, False, id="on workers, it is gone without them", marks=pytest.mark.long),
        pytest.param(None, False, id="here, it is gone without them", marks=pytest.mark.long),
    ],
)
def test_a_run_leaves_to_another_what_that_has_under_way(
    request_, small_registry, honest, tmp_path, executor, recorded
):
    """Every third case is under way elsewhere: in the middle of units."""
    job = prepare(request_, small_registry)
    keys = [case.key for part in job.parts for case in part.cases][::3]
    other = UnderWay(request_.results)
    claim = other.claim(keys)

    def end():
        assert {record.key for record in store.read().records.values()} == everything - set(keys)
        if recorded:
            elsewhere = replace(request_, results=tmp_path / "elsewhere")
            go(elsewhere, small_registry)
            found = Store(elsewhere.results)
            for key in keys:
                record = found.get(key)
                store.put(record, found.arrays(record) if record.arrays else None)
        other.end(claim)

    store, everything = Store(request_.results), {case.key for part in job.parts for case in part.cases}
    progress = Heard("are being measured by", end)
    outcome = run(job, small_registry, progress, executor=executor and executor())
    said = [line for line in progress.said if "are being measured by" in line]
    assert said == [
        f"{len(keys)} cases are being measured by process {os.getpid()} on {os.uname().nodename} in this folder; "
        "waiting for them"
    ]
    assert progress.act is None and outcome.measured == outcome.cases - (len(keys) if recorded else 0)
    go(request_, small_registry)
    assert table(request_) == honest
    other.close()


def test_what_another_run_has_packed_meanwhile_is_on_record(request_, small_registry, honest):
    job = prepare(request_, small_registry)
    go(request_, small_registry)
    pack(Store(request_.results))
    assert len(list(request_.results.rglob("records/*/*.json"))) < job.cases / 2
    outcome = run(job, small_registry, Silent())
    assert outcome.measured == 0 and len(outcome.rows) >= outcome.cases > 0


def test_force_measures_what_another_run_has_under_way(request_, small_registry, honest):
    job = prepare(replace(request_, force=True), small_registry)
    other = UnderWay(request_.results)
    other.claim([case.key for part in job.parts for case in part.cases])
    assert run(job, small_registry, Silent()).measured == job.cases
    other.close()


@pytest.fixture
def begun(tmp_path, cache):
    """begun(*words): a run that begins to measure when `go` is there."""
    processes = []

    def begun(*words: str) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, str(SUPPORT / "side_by_side.py"), str(tmp_path / "results"), *words],
            env=os.environ | {"SIMBENCH_CACHE": str(cache), "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process

    yield begun
    for process in processes:
        process.kill()
        process.wait()
        process.stdout.close()


def heard(process: subprocess.Popen, word: str) -> str:
    """The next line of a process with a word in it."""
    for line in process.stdout:
        if word in line:
            return line
    raise AssertionError(f"it never said {word!r}")


def runs(folder: Path) -> dict[str, int]:
    """Cases that each run says that it measured."""
    return {name: data["measured"] for name, data in Store(folder).read().runs.items()}


@pytest.mark.long
def test_two_processes_measure_each_case_once(begun, honest, tmp_path):
    both = [begun(), begun()]
    for process in both:
        heard(process, "measuring")
    (tmp_path / "go").touch()
    assert [process.communicate()[0] and process.wait() for process in both] == [0, 0]
    assert sum(runs(tmp_path / "results").values()) == len(Store(tmp_path / "results").read().records) > 20
    assert not (tmp_path / "results" / "started").exists()


@pytest.mark.long
def test_what_a_killed_process_had_under_way_is_taken_over(begun, honest, tmp_path):
    """It is stopped in the middle of a case first, and the other measures everything else; the case that the dead one
    had begun is then measured in a process apart."""
    (tmp_path / "go").touch()
    dead = begun("stop")
    heard(dead, "measuring")
    os.waitid(os.P_PID, dead.pid, os.WSTOPPED | os.WNOWAIT)
    there = len(Store(tmp_path / "results").read().records)
    other = begun()
    line = heard(other, "are being measured by")
    assert f"process {dead.pid} on" in line
    before = Store(tmp_path / "results").read().records
    left = int(line.split()[0])
    os.kill(dead.pid, signal.SIGKILL)
    dead.wait()
    assert other.communicate() and other.wait() == 0
    records, measured = Store(tmp_path / "results").read().records, max(runs(tmp_path / "results").values())
    assert len(records) == len(before) + left == there + measured
    assert not any(record.failed for record in records.values())
    assert not (tmp_path / "results" / "started").exists()
