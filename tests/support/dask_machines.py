"""A Dask cluster of two workers, each with a nanny and without files that the driver has."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

from distributed import Client


def until(true, patience: float = 300.0):
    """The first true value of a function."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        found = true()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come to pass")


class Machines:
    """A scheduler, and nannies with a worker each, as `dask scheduler` and `dask worker` start them. cache: of the
    workers."""

    def __init__(self, folder) -> None:
        self.folder, self.file, self.cache = folder, folder / "scheduler.json", folder / "cache"
        self.scheduler = self._start("scheduler", "--port", "0", "--no-dashboard", "--scheduler-file", str(self.file))
        until(self.file.exists)
        self.address = json.loads(until(self.file.read_text))["address"]
        self.nannies = [self._nanny(), self._nanny()]
        until(lambda: len(self.workers()) == 2)

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

    def _nanny(self) -> subprocess.Popen:
        return self._start("worker", self.address, "--nthreads", "1", "--no-dashboard", "--memory-limit", "0")

    def workers(self) -> dict[str, int]:
        """Address -> process id of the workers that live."""
        with Client(self.address, set_as_default=False) as client:
            return client.run(os.getpid)

    def mend(self) -> None:
        """Two workers again."""
        self.nannies = [nanny if nanny.poll() is None else self._nanny() for nanny in self.nannies]
        until(lambda: len(self.workers()) == 2)

    def end(self) -> None:
        for process in (*self.nannies, self.scheduler):
            process.kill()
            process.wait()
