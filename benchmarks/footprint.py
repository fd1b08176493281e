"""Time and resident memory of a piece of work. Linux only (reads /proc)."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

_SELF = Path("/proc/self")


class Footprint(NamedTuple):
    """mebibytes: the peak of resident memory above that at the start."""

    seconds: float
    mebibytes: float
    result: Any


def footprint(work: Callable[[], Any]) -> Footprint:
    """Run `work` once. To be called once in a process of its own: memory that an earlier call left free in this
    process would be used again and not be seen.

    The peak is that of the process's own address space (VmHWM): ru_maxrss begins at the peak of whoever started
    the process. What is free already is given back first, and the peak set to what is left.
    """
    ctypes.CDLL(None).malloc_trim(0)
    (_SELF / "clear_refs").write_text("5")
    before, start = _mebibytes("VmRSS"), time.perf_counter()
    result = work()
    seconds = time.perf_counter() - start
    return Footprint(seconds, _mebibytes("VmHWM") - before, result)


def _mebibytes(what: str) -> float:
    lines = (_SELF / "status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what + ":")) / 1024
