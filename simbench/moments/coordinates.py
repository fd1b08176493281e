"""Coordinates: centred rows, their principal coordinates, and a test for rows that vary by rounding errors alone."""

from __future__ import annotations

import torch
from torch import Tensor

from simbench.moments.basis import COARSE, rank_of, wide
from simbench.moments.precision import FLOAT32, measured, precision, rescaled

#: Deviations from the mean below this relative size are rounding errors of the mean.
DEAD = 16 * torch.finfo(torch.float64).eps
#: A feature with a standard deviation up to this factor times epsilon times its mean may be a rounded constant: half
#: precision numbers were rounded once, to one of two neighbours; float32 numbers were computed as sums in float32.
_ROUNDED_ONCE, _ROUNDED_IN_SUMS = 0.5, 2.0


def centred(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (p,) and centred rows of x (n, p); the rounding error of the mean is subtracted too, so that a
    constant feature becomes exactly zero."""
    mean = x.mean(0)
    moved = x - mean
    rest = moved.mean(0)
    return mean + rest, moved - rest


def within_rounding(n: int, mean: Tensor, sizes: Tensor, eps: float) -> bool:
    """True when no feature varies by more than a constant that was rounded to precision eps.

    mean: (p,), sizes: (p,) sums of squared deviations, of n rows.
    """
    most = max(DEAD, eps * (_ROUNDED_IN_SUMS if eps <= FLOAT32 else _ROUNDED_ONCE))
    return bool((sizes <= n * (most * mean).square()).all())


def rounding_only(x: Tensor) -> bool:
    """True when no feature of rows x (n, p) varies by more than constants that were rounded in the precision in which
    x was measured; see `Scatter.rounding`."""
    eps = measured(x)
    for part in x.detach().split(max(1, 2**20 // len(x)), 1):  # type: ignore[no-untyped-call]
        mean, moved = centred(rescaled(part.to(torch.float64), each=True))
        if not within_rounding(len(x), mean, moved.square().sum(0), eps):
            return False
    return True


def principal_coordinates(x: Tensor, eps: float | None = None) -> Tensor:
    """(n, r) float64 scores of the centred rows of x (n, p) on their r principal directions: inner products of and
    distances between rows stay the same, however wide the rows are. eps: precision of the original rows, where it
    is not that of x.

    Directions that may result from rounding errors of x are left out, as from the rank of a Scatter: after scaling to
    unit length, they would count as much as the others.
    """
    n, p = x.shape
    eps = precision(x) if eps is None else eps
    rows = centred(x.to(torch.float64))[1]
    squared = p > n and eps > COARSE  # for float32 rows the Gram matrix has enough digits
    if squared:
        values, vectors = torch.linalg.eigh(rows @ rows.mT)
        values, vectors = values.flip(0).clamp_min(0), vectors.flip(1)
    else:
        vectors, sigma = wide(rows) if p > n else torch.linalg.svd(rows, full_matrices=False)[:2]
        values = sigma.square()
    rank = rank_of(values, n, p, eps, squared)
    scores: Tensor = vectors[:, :rank] * values[:rank].sqrt()
    return scores
