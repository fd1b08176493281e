"""A worker in another process, with an empty cache, in a folder of its own, and without the modules of the tests."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from simbench.runs.executors.task import measure_unit
from simbench.runs.parcels import Depot, Done, Missing, Parcel, deliver, work

PROGRAM = """
import pickle, sys, warnings
warnings.simplefilter("error")
answers, sys.stdout = sys.stdout.buffer, sys.stderr
while True:
    try:
        function, given = pickle.load(sys.stdin.buffer)
    except EOFError:
        break
    try:
        answer = function(*given)
    except Exception as error:
        answer = error
    pickle.dump(answer, answers)
    answers.flush()
"""


class Elsewhere:
    """Calls functions of simbench there. folder: of the process, which is made; its cache is `folder / "cache"`."""

    def __init__(self, folder: Path, **environment: str) -> None:
        folder.mkdir()
        own = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "SIMBENCH_CACHE")}
        own |= {"SIMBENCH_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"} | environment
        self.cache = folder / "cache"
        self._process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=folder, env=own
        )

    def call(self, function: Any, *given: Any) -> Any:
        pickle.dump((function, given), self._process.stdin)
        self._process.stdin.flush()
        answer = pickle.load(self._process.stdout)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(20)
        self._process.stdout.close()


def plain(measured) -> list:
    """What was measured, to the last bit, without times."""
    told = [(each.case.key, each.rows, each.samples, each.error) for each in measured]
    arrays = [{name: (x.dtype.str, x.shape, x.tobytes()) for name, x in each.arrays.items()} for each in measured]
    return [told, arrays]


@contextmanager
def away(folder: Path | None) -> Iterator[None]:
    """Inside, the worker does not find the files of the driver."""
    if folder:
        folder.rename(folder.with_suffix(".away"))
    yield
    if folder:
        folder.with_suffix(".away").rename(folder)


def done(elsewhere, depot: Depot, parcel: Parcel, folder: Path | None = None) -> tuple[Done, tuple[str, ...]]:
    """What the worker answers in the end, and what it asked for. folder: what it must not see."""
    with away(folder):
        reply = elsewhere.call(work, parcel, (), measure_unit)
    if not isinstance(reply, Missing):
        return reply, ()
    *first, last = depot.supply(reply)
    with away(folder):
        for message in first:
            elsewhere.call(deliver, message)
        return elsewhere.call(work, parcel, last, measure_unit), reply.names
