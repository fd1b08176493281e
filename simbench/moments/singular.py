"""Singular values and vectors from the eigenvalues of the smaller of c c^T and c^T c, in at most half the time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

#: Smallest ratio of the smallest to the largest singular value for which the squared matrix is used: its rounding
#: errors then change no singular value by more than 1e-10 of the largest.
_SMALLEST = 1e-5


@dataclass(frozen=True, eq=False)
class Singular:
    """Singular values and vectors of c (p, q) in float64, r = min(p, q), to 1e-10 of the largest value; exact: to
    rounding, by a singular value decomposition. What both take, the square, is computed once."""

    c: Tensor
    exact: bool = False

    @property
    def values(self) -> Tensor:
        """(r,), largest first."""
        if not self.exact:
            squares: Tensor = torch.linalg.eigvalsh(self._square).flip(0)
            if _accurate(squares):
                return squares.sqrt()
        values: Tensor = torch.linalg.svdvals(self.c)
        return values

    @property
    def left(self) -> tuple[Tensor, Tensor]:
        """Left singular vectors (p, r) and the values (r,), largest first."""
        if not self.exact:
            squares, vectors = torch.linalg.eigh(self._square)
            squares, vectors = squares.flip(0), vectors.flip(1)
            if _accurate(squares):
                values = squares.sqrt()
                return (vectors if self.c.shape[0] <= self.c.shape[1] else self.c @ vectors / values), values
        left, values, _ = torch.linalg.svd(self.c, full_matrices=False)
        return left, values

    @cached_property
    def _square(self) -> Tensor:
        """The smaller of c c^T and c^T c."""
        return self.c @ self.c.mT if self.c.shape[0] <= self.c.shape[1] else self.c.mT @ self.c


def _accurate(squares: Tensor) -> bool:
    return bool((squares > _SMALLEST**2 * squares[:1]).all())
