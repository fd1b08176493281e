"""Bases: whitening coordinates of a representation, and its numerical rank."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from simbench.moments.deferred import Deferred, product
from simbench.moments.precision import FLOAT32

#: Inputs with a larger epsilon are float32 or coarser, and their rounding errors limit the rank.
COARSE = 1e-10
#: A direction of float32 rows counts if its scatter exceeds p epsilons squared by this factor. Rounding alone reaches 1.4
#: times that (bn1 of 24 Tiny-10s on digits, which has 9 directions and 16 channels); the smallest direction that is
#: none has 12 times (bn8). At a factor of 1 the rank is decided by the processor.
MARGIN = 4


@dataclass(frozen=True, eq=False)
class Basis:
    """Whitening coordinates of a representation with scatter matrix S: `whitening.T @ S @ whitening = I`.

    values: (r,) scatter along each direction, largest first.
    whitening: (p, r), whitened rows are `(x - mean) @ whitening`.
    loadings: (p, r), the inverse map: `S = loadings @ loadings.T`, `x - mean = scores @ loadings.T`.
    scores: (n, r) the whitened rows, or None where the rows are not stored.
    rows, shrink: (n, p) centred rows and (p,) scale factors of their features, where there are more features than rows:
        whitening and loadings, which are as large as the rows, are then computed on first use (the constructor takes
        None for them).
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
    """The number of squared singular values (largest first) of n rows of p features that exceed rounding errors.

    squared: they are eigenvalues of a product of the rows with themselves, and have its rounding errors.
    """
    if eps > COARSE:
        floor = MARGIN * max(p, 1) * min(eps, FLOAT32) ** 2
    else:
        floor = max(p, 1) * eps if squared else (max(p, n) * eps) ** 2
    return int((values > floor * values[0]).sum()) if len(values) else 0
