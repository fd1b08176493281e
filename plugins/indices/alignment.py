"""Alignment: the rotation of one representation that brings it closest to another, for the indices of shapes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from simbench import Moments
    from simbench.moments import Basis

#: Rounding errors of a sum of squares or products, in epsilons of its size, beside those that grow with the widths.
ROUNDINGS = 64
_EPS = torch.finfo(torch.float64).eps


@dataclass(frozen=True, eq=False)
class Alignment:
    """Rows x (n, p) and y (n, q) under the orthogonal map Q that minimises ||x Q - y||_F. The narrower side is padded
    with columns of zeros, so that Q is square and keeps the lengths of all rows.

    cross: (p, q), x^T y. sizes: ||x||_F^2 and ||y||_F^2, 0-dim.
    rows: x and y, or rows with the same inner products, or None. Without them, a squared distance is a difference of
        sums of squares, and is exactly zero where it does not exceed their rounding errors: distances below about 1e-7
        of the size of the rows are not resolved. With them, distances have all digits.
    """

    cross: Tensor
    sizes: tuple[Tensor, Tensor]
    rows: tuple[Tensor, Tensor] | None = None

    @classmethod
    def of(cls, m: Moments) -> Alignment:
        """Alignment of both sides of moments about their centre."""
        if m.a.rows is None or m.b.rows is None:
            return cls(m.ab, (m.a.total, m.b.total))
        return cls.between(narrow(m.a.rows), narrow(m.b.rows))

    @classmethod
    def between(cls, x: Tensor, y: Tensor) -> Alignment:
        """Alignment of rows x (n, p) and y (n, q)."""
        return cls(x.mT @ y, (x.square().sum(), y.square().sum()), (x, y))

    @classmethod
    def within(cls, m: Moments, a: Basis, b: Basis, weights: tuple[Tensor, Tensor]) -> Alignment:
        """Alignment of whitened coordinates in two bases, each direction times its weight: weights (rank_a,) and
        (rank_b,)."""
        f, g = weights
        if a.scores is not None and b.scores is not None:
            return cls.between(a.scores * f, b.scores * g)
        return cls(f[:, None] * m.cross(a, b) * g, (f.square().sum(), g.square().sum()))

    @property
    def unit(self) -> Alignment:
        """The same of rows scaled to Frobenius norm 1."""
        return self.scaled(*(1 / size.sqrt() for size in self.sizes))

    def scaled(self, f: Tensor, g: Tensor) -> Alignment:
        """The same of rows x f and y g."""
        xx, yy = self.sizes
        rows = None if self.rows is None else (self.rows[0] * f, self.rows[1] * g)
        return Alignment(self.cross * f * g, (xx * f.square(), yy * g.square()), rows)

    @cached_property
    def fit(self) -> Tensor:
        """tr(Q^T x^T y) at the optimal Q, the sum of the singular values of x^T y; 0-dim."""
        values: Tensor = torch.linalg.svdvals(self.cross)
        return values.sum()

    @property
    def cosine(self) -> Tensor:
        """fit / (||x|| ||y||), 0-dim, 0 to 1."""
        xx, yy = self.sizes
        return (self.fit / xx.sqrt() / yy.sqrt()).clamp_max(1)

    @property
    def angle(self) -> Tensor:
        """The arccos of `cosine`, 0-dim, from the distance of the scaled rows, which keeps its digits where it is
        small."""
        return arc(self.unit.distance)

    @property
    def distance(self) -> Tensor:
        """||x Q - y||_F, 0-dim."""
        if self.rows is None:
            return root(sum(self.sizes) - 2 * self.fit, sum(self.sizes), sum(self.cross.shape))
        x, y = self.rows if self.cross.shape[0] <= self.cross.shape[1] else reversed(self.rows)
        return torch.linalg.vector_norm(x @ self.map - y)

    @property
    def map(self) -> Tensor:
        """(p, q) or (q, p), the smaller first: the rows of Q that act on the narrower side."""
        cross = self.cross if self.cross.shape[0] <= self.cross.shape[1] else self.cross.mT
        left, _, right = torch.linalg.svd(cross, full_matrices=False)
        return left @ right


def arc(chord: Tensor) -> Tensor:
    """The angle between two vectors of length 1 at a distance."""
    return 2 * torch.asin((chord / 2).clamp_max(1))


def root(squared: Tensor, size: Tensor, terms: int) -> Tensor:
    """sqrt(squared), 0-dim, exactly zero where the difference `squared` of sums as large as `size` does not exceed the
    rounding errors of these, of `terms` terms."""
    return torch.where(negligible(squared, size, terms), 0, squared).sqrt()


def negligible(difference: Tensor, size: Tensor, terms: int) -> Tensor:
    """Where a difference of sums as large as `size`, of `terms` terms, does not exceed their rounding errors."""
    return difference <= (ROUNDINGS + terms) * _EPS * size


def too_few_rows(m: Moments, a: int, b: int) -> str | None:
    """Why directions of a and of b coincide for any data, if they must."""
    return f"{a} + {b} directions on {m.n} rows: some coincide for any data" if a + b > m.degrees else None


def narrow(x: Tensor) -> Tensor:
    """Rows (n, min(n, p)) with the inner products of x (n, p)."""
    return torch.linalg.qr(x.mT, mode="reduced" if x.requires_grad else "r").R.mT if x.shape[1] > len(x) else x
