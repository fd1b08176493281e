"""Runs on a Dask cluster of two workers that share no files with them: the same bytes, whoever is killed meanwhile."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

pytest.importorskip("distributed")

import psutil
from distributed import Client

pytestmark = pytest.mark.cluster
NAME = "simbench-results/measurements.csv"


def until(true, patience: float = 120.0):
    """The first true value of a function."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        found = true()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("it did not come to pass")


class Machines:
    """A scheduler, and nannies with a worker each, as `dask scheduler` and `dask worker` start them."""

    def __init__(self, folder) -> None:
        self.folder, self.file = folder, folder / "scheduler.json"
        self.cache = folder / "cache"
        self.scheduler = self._start("scheduler", "--port", "0", "--no-dashboard", "--scheduler-file", str(self.file))
        until(self.file.exists)
        self.address = json.loads(until(self.file.read_text))["address"]
        self.nannies = [self.nanny(), self.nanny()]

    def _start(self, *words: str) -> subprocess.Popen:
        settings = {"SIMBENCH_CACHE": str(self.cache), "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0"}
        return subprocess.Popen(
            [sys.executable, "-m", "dask", *words],
            cwd=self.folder,
            env=os.environ | settings | {"OMP_NUM_THREADS": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def nanny(self) -> subprocess.Popen:
        return self._start("worker", self.address, "--nthreads", "1", "--no-dashboard", "--memory-limit", "0")

    def workers(self) -> dict[str, int]:
        """Address -> process id of the workers that live."""
        with Client(self.address, set_as_default=False) as client:
            return client.run(os.getpid)

    def mend(self) -> None:
        """Two workers again."""
        self.nannies = [nanny if nanny.poll() is None else self.nanny() for nanny in self.nannies]
        until(lambda: len(self.workers()) == 2)

    def end(self) -> None:
        for process in (*self.nannies, self.scheduler):
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def machines(tmp_path_factory):
    started = Machines(tmp_path_factory.mktemp("machines"))
    try:
        yield started
    finally:
        started.end()


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


def test_a_killed_worker_costs_its_unit_and_changes_nothing(machines, begun, finished, tmp_path):
    """Weights travel: the cache of the workers was empty."""
    process = begun(f"dask[address={machines.address}]")
    os.kill(next(iter(machines.workers().values())), signal.SIGKILL)
    said = ended(process)
    assert process.returncode == 0 and same(tmp_path, finished), said
    assert 1 <= said.count("is measured again") <= 1, said
    assert list((machines.cache / "parcels").iterdir())


def test_a_killed_nanny_takes_its_worker_along_and_the_other_goes_on(machines, begun, finished, tmp_path):
    machines.mend()
    process = begun(f"dask[address={machines.address}]")
    machines.nannies[0].kill()
    said = ended(process)
    assert process.returncode == 0 and same(tmp_path, finished), said


def test_ctrl_c_ends_what_is_under_way_on_the_workers(machines, begun):
    machines.mend()
    process = begun(f"dask[address={machines.address}]")
    process.send_signal(signal.SIGINT)
    said = ended(process)
    assert process.returncode in (0, 130) and "Traceback" not in said, said
    with Client(machines.address, set_as_default=False) as client:
        assert len(client.nthreads()) == 2
        until(lambda: not any(client.processing().values()), 20)
    for pid in machines.workers().values():
        children = psutil.Process(pid).children(recursive=True)
        until(lambda: not any("serve" in " ".join(child.cmdline()) for child in children if child.is_running()), 20)


def test_a_killed_scheduler_ends_the_run_in_one_line_and_it_goes_on_elsewhere(
    begun, finished, process, tiny, warm_cache, tmp_path, tmp_path_factory
):
    own = Machines(tmp_path_factory.mktemp("own"))
    try:
        running = begun(f"dask[address={own.address}]")
        own.scheduler.kill()
        said = ended(running)
        assert running.returncode == 1 and said.splitlines()[-1] == (
            f"simbench: the Dask scheduler {own.address} is gone; finished cases are on record, the same command goes "
            "on from here"
        )
        done = process(*tiny, SIMBENCH_CACHE=str(warm_cache))
        assert done.code == 0 and same(tmp_path, finished)
    finally:
        own.end()


def test_an_address_without_a_scheduler_is_one_line(process, tiny, warm_cache, tmp_path):
    done = process(*tiny, "--executor", "dask[address=tcp://127.0.0.1:9]", SIMBENCH_CACHE=str(warm_cache))
    assert done.code == 2 and "no Dask scheduler answers at 'tcp://127.0.0.1:9'" in done.err.splitlines()[-1]
    assert not (tmp_path / "simbench-results").exists()


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
