"""Means over layers of correlations and of their replicates."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy import ndarray


@dataclass(eq=False)
class Mean:
    """The running mean over layers of the correlations of k indices with t targets.

    point: (k, t) sums. layers: (k, t) how many there are; ordered: (k, t) in how many the index orders anything.
    empty: (k, t) in how many it has no value of its own and counts 0. missing: (k, t) whether a layer had no value that
    could count. draws: kind of replicate -> (k, t, R) sums, number of layers, and whether the index orders anything;
    open: kinds whose number of layers lacks the empty ones.
    """

    point: ndarray
    layers: ndarray
    ordered: ndarray
    empty: ndarray
    missing: ndarray
    draws: dict[str, tuple[ndarray, ndarray, ndarray]] = field(default_factory=dict)
    open: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, indices: int, targets: int) -> Mean:
        """Of no layers."""
        shape = indices, targets
        layers, ordered, empty = np.zeros((3, *shape), dtype=int)
        return cls(np.zeros(shape), layers, ordered, empty, np.zeros(shape, dtype=bool))

    def add(self, i: int, j: int, point: float, nothing: float, orders: bool) -> None:
        """One layer of index i and target j. point: its correlation; where that is undefined, `nothing` counts.
        orders: whether the index orders anything there."""
        self.point[i, j] += point if np.isfinite(point) else nothing
        self.layers[i, j] += 1
        self.ordered[i, j] += orders
        self.empty[i, j] += not np.isfinite(point)

    def replicate(
        self, i: int, j: int, name: str, values: ndarray, orders: ndarray, counts: ndarray | None = None
    ) -> None:
        """The same layer in replicates (R,) of one kind.

        values: undefined ones count 0, as in the mean itself. orders: whether the index orders anything. counts:
        whether the layer counts in the replicate; None where it counts wherever it has a value, and `replicate` is not
        called for layers where the index has no value of its own.
        """
        if name not in self.draws:
            shape = (*self.point.shape, len(values))
            self.draws[name] = np.zeros(shape), np.zeros(shape, dtype=np.int32), np.zeros(shape, dtype=bool)
        total, count, ordered = self.draws[name]
        if counts is None:
            self.open.add(name)
            counts = np.isfinite(values)
        total[i, j] += np.where(np.isfinite(values) & counts, values, 0)
        count[i, j] += counts
        ordered[i, j] |= orders & counts

    def value(self, i: int, j: int) -> float:
        """NaN where a layer is missing, or where the index orders nothing in any layer."""
        return float(self.point[i, j] / self.layers[i, j]) if self.ordered[i, j] and not self.missing[i, j] else np.nan

    def replicates(self, i: int, j: int) -> dict[str, ndarray]:
        """NaN where no layer counts, or where the index orders nothing in any."""
        found = {}
        for name, (total, count, ordered) in self.draws.items():
            layers = count[i, j] + (self.empty[i, j] if name in self.open else 0)
            found[name] = np.where(ordered[i, j], total[i, j] / np.maximum(layers, 1), np.nan)
        return found
