"""`simbench run --executor` on a cluster: how it ends when the scheduler is gone, and what is left of processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

pytest.importorskip("distributed")

from dask_machines import Machines, until
from simbench_plugins.executors import dask_cluster

pytestmark = pytest.mark.cluster
NAME = "simbench-results/measurements.csv"


@pytest.fixture
def begun(tmp_path, warm_cache, tiny):
    """begun(executor): a run, which is measuring."""
    processes = []

    def begun(executor: str) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "-m", "simbench.cli", *tiny, "--executor", executor],
            cwd=tmp_path,
            env=os.environ | {"SIMBENCH_CACHE": str(warm_cache), "OMP_NUM_THREADS": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        processes.append(process)
        until(lambda: list(tmp_path.rglob("records/*/*.json")) or process.poll() is not None)
        return process

    yield begun
    for process in processes:
        process.kill()
        process.wait()


def ended(process: subprocess.Popen) -> str:
    """What it said on stderr."""
    return process.communicate(timeout=200)[1]


def same(tmp_path, finished) -> bool:
    return (tmp_path / NAME).read_bytes() == (finished.folder / NAME).read_bytes()


def test_a_killed_scheduler_ends_the_run_in_one_line_and_it_goes_on_elsewhere(
    begun, finished, process, tiny, warm_cache, tmp_path, tmp_path_factory
):
    own = Machines(tmp_path_factory.mktemp("own"))
    try:
        running = begun(f"dask[address={own.address}]")
        own.scheduler.kill()
        said = ended(running)
        assert running.returncode == 1 and said.splitlines()[-1] == (
            f"simbench: the Dask scheduler {own.address} is gone; what is on record stays, the same command goes "
            "on from here"
        )
        there = len(list(tmp_path.rglob("records/*/*.json")))
        done = process(*tiny, SIMBENCH_CACHE=str(warm_cache))
        assert done.code == 0 and same(tmp_path, finished)
        assert there >= 1 and f"{there} on record" in done.err.splitlines()[0]
    finally:
        own.end()


def test_an_address_without_a_scheduler_is_one_line(call, tiny, warm, monkeypatch):
    monkeypatch.setattr(dask_cluster, "PATIENCE", 0.5)
    done = call(*tiny, "--executor", "dask[address=tcp://127.0.0.1:9]")
    assert done.code == 2 and "no Dask scheduler answers at 'tcp://127.0.0.1:9'" in done.err.splitlines()[-1]
    assert not (done.folder / "simbench-results").exists()


@pytest.mark.parametrize("executor", ["dask[workers=2]", "local[workers=2]"])
@pytest.mark.parametrize("interrupted", [False, True])
def test_processes_of_this_machine_end_with_the_run(begun, finished, tmp_path, executor, interrupted):
    """The whole group of processes is interrupted, as by a terminal."""
    running = begun(executor)
    group = os.getpgid(running.pid)
    if interrupted:
        os.killpg(group, signal.SIGINT)
    said = ended(running)
    assert "Traceback" not in said, said
    if interrupted:
        assert running.returncode in (0, 130), said
    else:
        assert running.returncode == 0 and same(tmp_path, finished), said

    def gone() -> bool:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        return False

    until(gone, 20)
