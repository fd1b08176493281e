"""How a ratio is taken: both sides alternate in one process, each after a warm-up; medians."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

import torch

Side = Callable[[], object]


def alternate(
    sides: Mapping[str, Side], repeats: int = 7, warmups: int = 1, clock: Callable[[], float] = time.perf_counter
) -> dict[str, list[float]]:
    """Seconds of every call by a clock, by side, `repeats` each. The order is reversed at every repeat, so that neither
    side always follows the other."""
    for side in sides.values():
        for _ in range(warmups):
            timed(side, clock)
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for repeat in range(repeats):
        for name in list(sides)[:: 1 if repeat % 2 else -1]:
            seconds[name].append(timed(sides[name], clock))
    return seconds


def timed(side: Side, clock: Callable[[], float] = time.perf_counter) -> float:
    """Seconds of one call, including the work of the accelerator."""
    start = clock()
    side()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return clock() - start


def ratio(seconds: Mapping[str, list[float]], ours: str, theirs: str) -> tuple[float, float, float]:
    """Median of theirs over median of ours; the smallest and largest ratio of neighbouring calls."""
    pairs = [b / a for a, b in zip(seconds[ours], seconds[theirs], strict=True)]
    return statistics.median(seconds[theirs]) / statistics.median(seconds[ours]), min(pairs), max(pairs)
