"""Distances between all rows, as vectors of pairs, and their median."""

from __future__ import annotations

import torch
from torch import Tensor

#: Rows of more features than this, if they are many, are multiplied rather than subtracted from one another.
_WIDE = 1024
#: Number of rows up to which all are subtracted from one another.
_FEW = 256
#: Squared distances below this share of the squared lengths of the two rows lose digits to cancellation.
_NEAR = 1e-4
#: Numbers that are subtracted at a time.
_BLOCK = 2**22


def pairs(n: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Indices (n (n - 1) / 2,) i < j of all pairs of n rows, in the order of `torch.pdist`."""
    i, j = torch.triu_indices(n, n, offset=1, device=device)
    return i, j


def distances(x: Tensor) -> Tensor:
    """(n (n - 1) / 2,) Euclidean distances between the rows i < j of x (n, p), float32 or float64, in its precision.

    Equal rows have distance exactly 0, where the gradient is 0. Each distance is accurate to a few roundings of the
    rows, however close the two are.
    """
    n, p = x.shape
    if p <= _WIDE or n <= _FEW:
        return torch.pdist(x)
    i, j = pairs(n, x.device)
    moved = x - x.mean(0)
    lengths = moved.square().sum(1)
    sums = lengths[i] + lengths[j]
    squared = sums - 2 * (moved @ moved.mT)[i, j]
    near = (squared < _NEAR * sums).nonzero()[:, 0]
    if len(near):
        parts = near.split(max(1, _BLOCK // p))
        exact = torch.cat([(x[i[part]] - x[j[part]]).square().sum(1) for part in parts])
        squared = squared.index_put((near,), exact)
    apart = squared > 0
    return torch.where(apart, torch.where(apart, squared, 1).sqrt(), 0)


def square(between: Tensor, n: int, diagonal: float = 0.0) -> Tensor:
    """The symmetric matrix (n, n) of the values (n (n - 1) / 2,) of pairs of rows, with a constant diagonal."""
    above = torch.zeros(n, n, dtype=between.dtype, device=between.device)
    above = above.index_put(pairs(n, between.device), between)
    above = above + above.mT
    return above + torch.eye(n, dtype=between.dtype, device=between.device) * diagonal if diagonal else above


def packed(matrix: Tensor, diagonal: bool = True) -> Tensor:
    """The symmetric matrix (n, n) as a vector, (n (n + 1) / 2,), or (n (n - 1) / 2,) without its diagonal, of the same
    inner products: numbers off the diagonal are there once, times the root of 2."""
    off = matrix[pairs(len(matrix), matrix.device)] * 2**0.5
    return torch.cat([off, matrix.diagonal()]) if diagonal else off


def median(values: Tensor) -> Tensor:
    """The median (0-dim) of a vector, the mean of the two middle values of an even number of values."""
    lower = values.median()
    half = len(values) // 2
    if len(values) % 2 or int((values <= lower).sum()) > half:
        return lower
    return (lower + values[values > lower].min()) / 2
