"""Means over layers of correlations and of their replicates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy import ndarray


@dataclass(eq=False)
class Mean:
    """The running mean over layers of the correlations of k indices with t targets.

    point: (k, t) sums. draws: name -> (k, t, R) sums of replicates, with the number of layers where each is defined.
    layers: (k, t) how many there are; ordered: (k, t) in how many of them the index orders anything.
    missing: (k, t) whether a layer had no value that could count.
    """

    point: ndarray
    layers: ndarray
    ordered: ndarray
    missing: ndarray
    draws: dict[str, tuple[ndarray, ndarray]]

    @classmethod
    def empty(cls, indices: int, targets: int) -> Mean:
        shape = indices, targets
        layers, ordered = np.zeros((2, *shape), dtype=int)
        return cls(np.zeros(shape), layers, ordered, np.zeros(shape, dtype=bool), {})

    def add(self, i: int, j: int, point: float, draws: dict[str, ndarray]) -> None:
        """One layer of index i and target j. draws: name -> (R,) replicates; undefined ones count nothing."""
        self.point[i, j] += point
        self.layers[i, j] += 1
        for name, values in draws.items():
            if name not in self.draws:
                shape = (*self.point.shape, len(values))
                self.draws[name] = np.zeros(shape), np.zeros(shape, dtype=np.int32)
            total, count = self.draws[name]
            defined = np.isfinite(values)
            total[i, j] += np.where(defined, values, 0)
            count[i, j] += defined

    def value(self, i: int, j: int) -> float:
        """NaN where a layer is missing, or where the index orders nothing in any layer."""
        return float(self.point[i, j] / self.layers[i, j]) if self.ordered[i, j] and not self.missing[i, j] else np.nan

    def replicates(self, i: int, j: int) -> dict[str, ndarray]:
        return {
            name: np.where(count[i, j] > 0, total[i, j] / np.maximum(count[i, j], 1), np.nan)
            for name, (total, count) in self.draws.items()
        }
