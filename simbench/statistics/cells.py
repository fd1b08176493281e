"""Cells, at which an index and a stitched accuracy are compared, and replicates of them for resampling."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy import ndarray

#: Fewest different pairs for a correlation: two points are always on a line.
MIN_PAIRS = 3


@dataclass(frozen=True, eq=False)
class Cells:
    """n cells (front network, end network, layer) at which an index and a stitched accuracy are compared.

    a, b, layer: (n,) integer codes, in ascending order of (a, b, layer), without repeats.
    shared: both sides are networks of one model: a code means the same network on either side, a != b.
    sizes: how many codes each side has; not every one need have a cell.
    """

    a: ndarray
    b: ndarray
    layer: ndarray
    shared: bool
    sizes: tuple[int, int]

    def at(self, rows: ndarray) -> Cells:
        return Cells(self.a[rows], self.b[rows], self.layer[rows], self.shared, self.sizes)

    @property
    def n(self) -> int:
        return len(self.a)

    @cached_property
    def pairs(self) -> int:
        return len(self.first_of_pair)

    @cached_property
    def layers(self) -> int:
        return len(np.unique(self.layer))

    @cached_property
    def first_of_pair(self) -> ndarray:
        """Position of the first cell of each pair."""
        change = (np.diff(self.a, prepend=-1) != 0) | (np.diff(self.b, prepend=-1) != 0)
        return np.flatnonzero(change)

    @cached_property
    def networks(self) -> int:
        """Number of networks; for two models, of the model with fewer."""
        if self.shared:
            return len(np.union1d(self.a, self.b))
        return min(len(np.unique(self.a)), len(np.unique(self.b)))

    @cached_property
    def design(self) -> str:
        """Which pairs of the networks have a cell: "all", "balanced:K" where every end has K fronts and every front K
        ends, or "other"; "" without cells."""
        if not self.n:
            return ""
        if self.density == 1:
            return "all"
        counts = {*np.bincount(self.a[self.first_of_pair]), *np.bincount(self.b[self.first_of_pair])} - {0}
        return f"balanced:{counts.pop()}" if self.shared and len(counts) == 1 else "other"

    @cached_property
    def density(self) -> float:
        """Share of the ordered pairs of networks that have a cell."""
        if self.shared:
            return self.pairs / max(self.networks * (self.networks - 1), 1)
        return self.pairs / max(len(np.unique(self.a)) * len(np.unique(self.b)), 1)


@dataclass(frozen=True, eq=False)
class Replicates:
    """R replicates of n cells, one per column.

    weights: (n, R) multiplicity of each cell.
    partner: (n, R) the cell whose x is paired with the y of this cell, -1 for none; None pairs each cell with itself.
    """

    weights: ndarray
    partner: ndarray | None = None

    def at(self, rows: ndarray) -> Replicates:
        """The same replicates of some cells; partners must be among them."""
        if self.partner is None:
            return Replicates(self.weights[rows])
        place = np.full(len(self.weights) + 1, -1)
        place[rows] = np.arange(len(rows))
        return Replicates(self.weights[rows], place[self.partner[rows]])

    @property
    def weights_x(self) -> ndarray:
        """(n, R) multiplicity of the x of each cell."""
        if self.partner is None:
            return self.weights
        weights = np.zeros((len(self.weights) + 1, self.weights.shape[1]))
        np.put_along_axis(weights, self.partner, self.weights, axis=0)  # -1 addresses the last row, which is dropped
        return weights[:-1]
