"""Moments: the statistics of two representations that linear indices and direct matching are computed from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from simbench.errors import InputError, Undefined
from simbench.moments.affine import Affine
from simbench.moments.basis import Basis
from simbench.moments.comoments import Comoments
from simbench.moments.deferred import Deferred, product
from simbench.moments.precision import precision
from simbench.moments.reals import require_reals
from simbench.moments.scatter import Scatter, streamable
from simbench.moments.singular import Singular


@dataclass(frozen=True, eq=False)
class Moments:
    """Centred comoments of paired rows a (n, p) and b (n, q), in float64.

    a, b: the `Scatter` of each side (n, mean, matrix, whitening bases).
    ab: (p, q), `sum_i (a_i - mean_a)(b_i - mean_b)^T`, not divided by n; computed on first use where both
        sides store their rows (None in the constructor).

    `Moments.of(a, b)` takes a batch, and `+` merges disjoint batches: a data set of any length needs O((p + q)^2)
    memory. `m.through(affine)` is the Moments of (a W + bias, b).

    >>> import torch
    >>> a = torch.tensor([[1.0, 0.0], [3.0, 0.0], [5.0, 6.0]])
    >>> m = Moments.of(a, a[:, :1] + a[:, 1:])
    >>> m.n, m.ab.tolist(), m.bb.tolist()
    (3, [[20.0], [36.0]], [[56.0]])
    >>> m.residual(Affine(torch.ones(2, 1))).item()
    0.0
    """

    a: Scatter
    b: Scatter
    ab: Deferred = Deferred(lambda self: product(self.a.rows, self.b.rows))

    @classmethod
    def of(cls, a: Tensor, b: Tensor, keep_rows: bool = False) -> Moments:
        """Moments of rows a (n, p), b (n, q). `keep_rows` stores the centred rows: bases are then accurate up to
        condition 1/eps, not its root. Raises InputError for anything but dense real numbers, and for unpaired rows."""
        require_reals(a, "a")
        require_reals(b, "b")
        if a.ndim != 2 or b.ndim != 2 or not 0 < len(a) == len(b) or a.device != b.device:
            raise InputError(
                f"rows have shapes {tuple(a.shape)} and {tuple(b.shape)}, on {a.device} and {b.device}; "
                "Moments needs (n, p) and (n, q) with the same n, from 1, on one device"
            )
        if not keep_rows and streamable(a, b):
            sums = Comoments([a.shape[1], b.shape[1]], [(0, 0), (1, 1), (0, 1)], a.device)
            sums.add([a, b])
            sums.close()
            left, right = (Scatter(len(x), sums.mean(i), sums.matrix(i, i), precision(x)) for i, x in enumerate((a, b)))
            return cls(left, right, sums.matrix(0, 1))
        m = cls.between(Scatter.of(a, keep_rows=True), Scatter.of(b, keep_rows=True))
        return m if keep_rows else cls(m.a.forget(), m.b.forget(), m.ab)

    @classmethod
    def between(cls, a: Scatter, b: Scatter) -> Moments:
        """Moments of two sides that store their rows."""
        return cls(a, b, None)

    def __add__(self, other: Moments) -> Moments:
        n = self.n + other.n
        shift = torch.outer(other.mean_a - self.mean_a, other.mean_b - self.mean_b)
        return Moments(self.a + other.a, self.b + other.b, self.ab + other.ab + shift * (self.n * other.n / n))

    @property
    def n(self) -> int:
        """Number of rows."""
        return self.a.n

    @property
    def mean_a(self) -> Tensor:
        """(p,)"""
        return self.a.mean

    @property
    def mean_b(self) -> Tensor:
        """(q,)"""
        return self.b.mean

    @property
    def aa(self) -> Tensor:
        """(p, p) centred comoments of a."""
        return self.a.matrix

    @property
    def bb(self) -> Tensor:
        """(q, q) centred comoments of b."""
        return self.b.matrix

    @property
    def degrees(self) -> int:
        """Rows left after centring: n - 1, or n for uncentred moments."""
        return self.n - 1 if self.a.centre == "mean" else self.n

    def swap(self) -> Moments:
        """Moments of (b, a)."""
        return Moments(self.b, self.a, None if self._exact else self.ab.mT)

    def uncentred(self) -> Moments:
        """Moments about zero: `a.T @ a`, `b.T @ b`, `a.T @ b`, with zero means."""
        if self.a.centre == "zero":
            return self
        ab = None if self._exact else self.ab + self.n * torch.outer(self.mean_a, self.mean_b)
        return Moments(self.a.uncentred(), self.b.uncentred(), ab)

    def defined(self) -> Moments:
        """These moments. Raises Undefined where a side does not vary, or only by rounding errors, so that an index
        would divide rounding errors by rounding errors."""
        for name, side in (("a", self.a), ("b", self.b)):
            if side.constant:
                raise Undefined(f"{name} is constant: no feature varies")
            if side.rounding:
                raise Undefined(f"{name} varies by no more than the rounding of its numbers")
        return self

    def through(self, affine: Affine) -> Moments:
        """Moments of (affine(a), b) in closed form: a few p x p products for any n.
        Raises InputError for a map of another width, and for k maps."""
        if affine.weight.ndim != 2 or len(affine.weight) != self.a.width or affine.weight.is_complex():
            raise InputError(
                f"the map has weight {tuple(affine.weight.shape)}, {affine.weight.dtype}; one real map "
                f"({self.a.width}, q) is allowed"
            )
        affine = affine.to(self.ab)
        return replace(self, a=self.a.through(affine.weight, affine.bias), ab=affine.weight.mT @ self.ab)

    def cross(self, left: Basis | None, right: Basis | None) -> Tensor:
        """Comoments of whitened a with whitened b, whose singular values are the canonical correlations if both bases
        are `whitened`; None leaves that side in its own neurons."""
        rows_a = self.a.rows if left is None else left.scores
        rows_b = self.b.rows if right is None else right.scores
        if rows_a is not None and rows_b is not None:
            return rows_a.mT @ rows_b
        if left is None:
            ab = self.ab
        elif left is self.a.whitened:
            ab = self._half
        else:
            ab = left.whitening.mT @ self.ab
        return ab if right is None else ab @ right.whitening

    @cached_property
    def _half(self) -> Tensor:
        """Comoments of whitened a with b, which most indices and stitchers start from."""
        return self.a.whitened.whitening.mT @ self.ab

    @cached_property
    def canonical(self) -> tuple[Tensor, Tensor]:
        """(rank_a, r) coordinates of the canonical variates of a in its whitened basis, and the r = min(rank_a,
        rank_b) `correlations`."""
        variates, rho = self._whitened.left
        return variates, rho.clamp_max(1)

    @cached_property
    def correlations(self) -> Tensor:
        """(min(rank_a, rank_b),) canonical correlations, largest first (Hotelling, 1936)."""
        return self._whitened.values.clamp_max(1)

    def correlations_within(self, left: Basis, right: Basis) -> Tensor:
        """(min(rank_a, rank_b),) canonical correlations of the directions of two bases, largest first."""
        return Singular(self.cross(left, right), self._exact).values.clamp_max(1)

    @cached_property
    def _whitened(self) -> Singular:
        return Singular(self.cross(self.a.whitened, self.b.whitened), self._exact)

    @property
    def _exact(self) -> bool:
        """True where both sides store their rows, so that no condition number is squared."""
        return self.a.rows is not None and self.b.rows is not None

    def mean_to_mean(self, weight: Tensor, bias: bool = True) -> Affine:
        """The affine map of this weight (p, q) whose bias maps the mean of a to the mean of b; bias: False
        omits it."""
        return Affine(weight, self.mean_b - self.mean_a @ weight if bias else None)

    def residual(self, affine: Affine) -> Tensor:
        """||affine(a) - b||^2 / ||b||^2, 0-dim; b is centred only when the affine has a bias. On the rows of a
        least squares fit it is `1 - r2_lr` of the same convention (definition 6.1); on others it can exceed 1."""
        m = self if affine.bias is not None else self.uncentred()
        moved = m.through(affine)
        if moved.a.width != m.b.width:
            raise InputError(
                f"the map has weight {tuple(affine.weight.shape)} and b has {m.b.width} features; "
                f"({m.a.width}, {m.b.width}) is allowed"
            )
        error = moved.a.total - 2 * moved.ab.trace() + moved.b.total
        return (error + m.n * (moved.mean_a - moved.mean_b).square().sum()) / m.b.total
