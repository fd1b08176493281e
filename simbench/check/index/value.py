"""The value of an index on a pair of test representations."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import torch
from torch import Tensor

from simbench.check.data import Pair
from simbench.check.outcome import applicable, require
from simbench.contracts import Index
from simbench.moments.pair import Moments


def compute(index: Index, a: Tensor, b: Tensor) -> Tensor:
    """What the index returns for rows a (n, p), b (n, q), through the method that it needs."""
    return index.from_samples(a, b) if index.needs == "samples" else index.from_moments(Moments.of(a, b))


def value(index: Index, pair: Pair) -> float:
    """The same as a number, from copies of the rows; Violation when it is not finite."""
    number = float(compute(index, pair.a.clone(), pair.b.clone()))
    require(abs(number) < float("inf"), f"the value is {number} ({pair.name})")
    return number


def values(index: Index, pairs: Iterable[Pair]) -> list[tuple[Pair, float]]:
    """Pairs that the index applies to, with its values; Inapplicable when it applies to none."""
    return applicable(partial(value, index), pairs)


def gap(x: float | Tensor, y: float | Tensor) -> float:
    """Largest difference, relative to the larger of the two where that exceeds 1."""
    x, y = (torch.as_tensor(z, dtype=torch.float64) for z in (x, y))
    return float(((x - y).abs() / torch.maximum(x.abs(), y.abs()).clamp_min(1)).max())
