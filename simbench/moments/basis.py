"""Bases: coordinates in which a representation is white, and how many of them are more than rounding."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from simbench.moments.deferred import Deferred, product
from simbench.moments.precision import FLOAT32

#: An input of a larger epsilon is float32 or coarser, and its own rounding sets the rank.
COARSE = 1e-10


@dataclass(frozen=True, eq=False)
class Basis:
    """Coordinates in which a representation is white: `whitening.T @ S @ whitening = I`.

    values: (r,) scatter along each direction, largest first.
    whitening: (p, r), whitened rows are `(x - mean) @ whitening`.
    loadings: (p, r), the way back: `S = loadings @ loadings.T`, `x - mean = scores @ loadings.T`.
    scores: (n, r) the whitened rows themselves, where the rows were kept, else None.
    rows, shrink: (n, p) centred rows and (p,) the factors that scaled their features, where there are more features
        than rows: whitening and loadings, which are as large as the rows, are then computed from them when they are
        first read (None where they are given to the constructor).
    """

    values: Tensor
    whitening: Deferred = Deferred(lambda self: self._spread(self.shrink.square()) / self.values)
    loadings: Deferred = Deferred(lambda self: self._spread(self.shrink != 0))
    scores: Tensor | None = None
    rows: Tensor | None = None
    shrink: Tensor | None = None

    def _spread(self, weights: Tensor) -> Tensor:
        return weights[:, None] * product(self.rows, self.scores)

    @property
    def rank(self) -> int:
        return len(self.values)

    def first(self, k: int) -> Basis:
        """The basis of the first `k` directions."""
        scores = None if self.scores is None else self.scores[:, :k]
        if self.rows is not None:
            return Basis(self.values[:k], None, None, scores, self.rows, self.shrink)
        return Basis(self.values[:k], self.whitening[:, :k], self.loadings[:, :k], scores)


def wide(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Left singular vectors (n, n) and singular values of rows (n, p), p > n, from a triangle of n x n numbers."""
    triangle = torch.linalg.qr(rows.mT, mode="reduced" if rows.requires_grad else "r").R
    vectors, sigma, _ = torch.linalg.svd(triangle.mT, full_matrices=False)
    return vectors, sigma


def rank_of(values: Tensor, n: int, p: int, eps: float, squared: bool) -> int:
    """How many squared singular values, largest first, of n rows of p features are more than rounding.

    squared: they are eigenvalues of a product of the rows with themselves, and so have the rounding of one.
    """
    if eps > COARSE:
        floor = max(p, 1) * min(eps, FLOAT32) ** 2
    else:
        floor = max(p, 1) * eps if squared else (max(p, n) * eps) ** 2
    return int((values > floor * values[0]).sum()) if len(values) else 0
