"""Is one index a better predictor than another? Differences of their correlations, corrected for how many are tested.

The two correlations are of the same networks and stitches, and what they share cancels in the difference. Its standard
error leaves out one network at a time (`jackknife`), and p-values are adjusted by Holm's procedure: under it the
probability of calling any difference of one board real that is not is at most LEVEL.

Source: Holm, "A simple sequentially rejective multiple test procedure" (1979).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy import ndarray

from simbench.statistics.jackknife import Left, difference

#: Largest adjusted p-value of a difference that is called one.
LEVEL = 0.05


@dataclass(frozen=True)
class Difference:
    """Correlation of index a less that of index b, with its 95 % interval; p: two-sided p-value; adjusted: corrected
    for all differences that were tested together."""

    a: int
    b: int
    value: float
    low: float
    high: float
    p: float
    adjusted: float


def differences(correlations: list[Left | None]) -> list[Difference]:
    """Of every two of k indices. None: an index without a value; it is compared with no other."""
    known = [i for i, each in enumerate(correlations) if each is not None]
    pairs = list(combinations(known, 2))
    gaps = [correlations[a] - correlations[b] for a, b in pairs]
    tests = [difference(gap) for gap in gaps]
    adjusted = holm(np.array([p for *_, p in tests]))
    return [
        Difference(a, b, float(gap.value), low, high, p, float(q))
        for (a, b), gap, (low, high, p), q in zip(pairs, gaps, tests, adjusted, strict=True)
    ]


def holm(p: ndarray) -> ndarray:
    """Adjusted p-values (d,); those that are NaN stay so and count for nothing.

    >>> holm(np.array([0.01, 0.04, 0.03])).tolist()
    [0.03, 0.06, 0.06]
    """
    known = np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known], kind="stable")]
    adjusted = np.full(len(p), np.nan)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)), 1)
    return adjusted


def ranks(found: list[Difference], k: int) -> tuple[ndarray, ndarray]:
    """(k,) best and worst rank of each of k indices that the differences allow: 1 and those that are better beyond
    LEVEL, and k less those that are worse."""
    better = np.zeros((k, k), dtype=bool)
    for gap in found:
        if gap.adjusted <= LEVEL:
            better[(gap.a, gap.b) if gap.value > 0 else (gap.b, gap.a)] = True
    return 1 + better.sum(axis=0), k - better.sum(axis=1)
