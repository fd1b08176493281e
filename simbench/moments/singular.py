"""Singular values and vectors from the eigenvalues of the smaller of c c^T and c^T c, in at most half the time."""

from __future__ import annotations

import torch
from torch import Tensor

#: Smallest ratio of the smallest to the largest singular value for which the squared matrix is used: its rounding
#: errors then change no singular value by more than 1e-10 of the largest.
_SMALLEST = 1e-5


def singular_values(c: Tensor) -> Tensor:
    """(min(p, q),) of c (p, q) in float64, largest first, to 1e-10 of the largest."""
    squares: Tensor = torch.linalg.eigvalsh(_smaller(c)).flip(0)
    if _accurate(squares):
        return squares.sqrt()
    values: Tensor = torch.linalg.svdvals(c)
    return values


def left_singular(c: Tensor) -> tuple[Tensor, Tensor]:
    """Left singular vectors (p, r) and the r = min(p, q) singular values of c (p, q) in float64, largest first."""
    squares, vectors = torch.linalg.eigh(_smaller(c))
    squares, vectors = squares.flip(0), vectors.flip(1)
    if not _accurate(squares):
        left, values, _ = torch.linalg.svd(c, full_matrices=False)
        return left, values
    values = squares.sqrt()
    return (vectors if c.shape[0] <= c.shape[1] else c @ vectors / values), values


def _smaller(c: Tensor) -> Tensor:
    return c @ c.mT if c.shape[0] <= c.shape[1] else c.mT @ c


def _accurate(squares: Tensor) -> bool:
    return bool((squares > _SMALLEST**2 * squares[:1]).all())
