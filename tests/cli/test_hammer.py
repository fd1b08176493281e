"""The hammer: runs that are killed or interrupted at random moments, and runs side by side in one folder, lose, tear
and change nothing. `pytest -m hammer` takes two minutes; HAMMER_SECONDS sets another time for each half."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from simbench.results.store import Store

SECONDS = float(os.environ.get("HAMMER_SECONDS", 60))
pytestmark = pytest.mark.hammer


def started(folder, words, cache) -> subprocess.Popen:
    """In a session of its own: a shell's background jobs would ignore SIGINT."""
    return subprocess.Popen(
        [sys.executable, "-m", "simbench.cli", *words],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | {"SIMBENCH_CACHE": str(cache), "OMP_NUM_THREADS": "1"},
    )


def same_numbers(folder, finished) -> bool:
    """Whether the measurements are those of an undisturbed run."""
    name = "simbench-results/measurements.csv"
    return (folder / name).read_bytes() == (finished.folder / name).read_bytes()


def test_killed_and_interrupted_runs_lose_and_tear_nothing(finished, tiny, warm_cache, tmp_path):
    chance, end = random.Random(18), time.monotonic() + SECONDS
    trials = 0
    while time.monotonic() < end:
        process = started(tmp_path, (*tiny, "--force"), warm_cache)
        blow = chance.choice([signal.SIGKILL, signal.SIGINT])
        first = process.stderr.readline() if blow == signal.SIGINT else ""
        time.sleep(chance.uniform(0, 3))
        process.send_signal(blow)
        _, said = process.communicate(timeout=60)
        if blow == signal.SIGINT:
            assert process.returncode in (0, 130, -signal.SIGINT), (first, said)
            assert "Traceback" not in said, said
        faults = Store(tmp_path / "simbench-results").read().faults
        assert not faults, faults
        trials += 1
    assert trials
    last = started(tmp_path, tiny, warm_cache)
    _, said = last.communicate(timeout=120)
    assert last.returncode == 0 and same_numbers(tmp_path, finished), said


def test_runs_side_by_side_in_one_folder_agree(finished, tiny, warm_cache, tmp_path):
    end, rounds = time.monotonic() + SECONDS, 0
    while time.monotonic() < end or not rounds:
        together = [started(tmp_path, (*tiny, "--force"), warm_cache) for _ in range(4)]
        for process in together:
            _, said = process.communicate(timeout=240)
            assert process.returncode == 0, said
        assert not Store(tmp_path / "simbench-results").read().faults
        assert same_numbers(tmp_path, finished)
        rounds += 1
