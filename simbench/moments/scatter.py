"""Scatter: the mean and scatter matrix of one representation, one side of `Moments`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from simbench.errors import InputError
from simbench.moments.basis import Basis, rank_of, wide
from simbench.moments.comoments import ROWS, Comoments
from simbench.moments.coordinates import DEAD, centred, within_rounding
from simbench.moments.deferred import Deferred, product
from simbench.moments.precision import precision
from simbench.moments.reals import require_reals


@dataclass(frozen=True, eq=False)
class Scatter:
    """`S = sum_i (x_i - mean)(x_i - mean)^T` over the n rows of one representation, in float64.

    n: number of rows. mean: (p,). matrix: (p, p), not divided by n.
    eps: machine epsilon of the *input*; directions below `4 p eps^2` (float32 and coarser) or
        `p eps` (float64) of the largest are rounding errors and do not count towards the rank.
    centre: the origin of `matrix`: "mean", or "zero" after `uncentred()`.
    rows: (n, p) centred rows, stored only by `of(x, keep_rows=True)`: bases then come from their singular value
        decomposition and do not square the condition number, and `matrix` is computed on first use (the constructor
        takes None for it).

    `+` merges disjoint sets of rows (pairwise update of Chan, Golub and LeVeque, 1979); raises InputError
    when the two differ in width or in centre.

    >>> import torch
    >>> x = torch.tensor([[1.0, 0.0], [3.0, 0.0], [5.0, 6.0]])
    >>> s = Scatter.of(x)
    >>> s.mean.tolist(), s.matrix.tolist()
    ([3.0, 2.0], [[8.0, 12.0], [12.0, 24.0]])
    >>> merged = Scatter.of(x[:2]) + Scatter.of(x[2:])
    >>> torch.allclose(merged.matrix, s.matrix)
    True
    """

    n: int
    mean: Tensor
    matrix: Deferred = Deferred(lambda self: product(self.rows, self.rows))
    eps: float  # type: ignore[misc]  # a deferred field has no default
    centre: str = "mean"
    rows: Tensor | None = None

    @classmethod
    def of(cls, x: Tensor, keep_rows: bool = False, eps: float | None = None) -> Scatter:
        """Scatter of rows x (n, p) of any real dtype; gradients flow through it. `eps` is the
        original precision of the rows, where it is not that of x. Raises InputError for anything else."""
        require_reals(x)
        if x.ndim != 2 or not len(x):
            raise InputError(f"rows have shape {tuple(x.shape)}; a scatter needs (n, p)")
        eps = precision(x) if eps is None else eps
        if not keep_rows and streamable(x):
            sums = Comoments([x.shape[1]], [(0, 0)], x.device)
            sums.add([x])
            sums.close()
            return cls(len(x), sums.mean(0), sums.matrix(0, 0), eps)
        mean, rows = centred(x.to(torch.float64))
        held = cls(len(x), mean, None, eps, rows=rows)
        return held if keep_rows else held.forget()

    def forget(self) -> Scatter:
        """The same scatter without its rows."""
        return replace(self, rows=None)

    def __add__(self, other: Scatter) -> Scatter:
        if (self.width, self.centre) != (other.width, other.centre):
            raise InputError(
                f"a scatter of {self.width} features about the {self.centre} does not merge with one of "
                f"{other.width} about the {other.centre}"
            )
        n = self.n + other.n
        delta = other.mean - self.mean
        mean = self.mean + delta * (other.n / n)
        shift = torch.outer(delta, delta) * (self.n * other.n / n)
        return Scatter(n, mean, self.matrix + other.matrix + shift, max(self.eps, other.eps), self.centre)

    @property
    def width(self) -> int:
        return len(self.mean)

    @cached_property
    def sizes(self) -> Tensor:
        """(p,) squared deviations of each feature, the diagonal of `matrix`."""
        if self.rows is None:
            return self.matrix.diagonal()
        lengths: Tensor = torch.linalg.vector_norm(self.rows, dim=0)
        return lengths.square()

    @cached_property
    def total(self) -> Tensor:
        """||X||_F^2 of the centred rows, 0-dim."""
        return self.matrix.trace() if self.rows is None else self.sizes.sum()

    @cached_property
    def alive(self) -> Tensor:
        """(p,) bool: features that vary by more than the rounding error of their mean."""
        floor = self.n * (DEAD * self.mean).square()
        return self.sizes > (floor if self.centre == "mean" else 0)

    @cached_property
    def constant(self) -> bool:
        """True when no feature varies: every index is undefined."""
        return not bool(self.alive.any())

    @cached_property
    def rounding(self) -> bool:
        """True when no feature varies by more than a constant rounded to the precision of the input: every index would
        divide rounding errors by rounding errors."""
        return self.centre == "mean" and within_rounding(self.n, self.mean, self.sizes, self.eps)

    def reordered(self, order: Tensor) -> Scatter:
        """Scatter of the same rows in another order (n,): bases that were computed are not computed again."""
        if self.rows is None:
            return self
        moved = replace(self, matrix=vars(self)["matrix"], rows=self.rows[order])
        for name in ("whitened", "principal"):
            if name in vars(self):
                vars(moved)[name] = getattr(self, name).reordered(order)
        return moved

    def take(self, features: slice) -> Scatter:
        """Scatter of a range of the features."""
        if self.rows is not None:
            return replace(self, mean=self.mean[features], matrix=None, rows=self.rows[:, features])
        return replace(self, mean=self.mean[features], matrix=self.matrix[features, features])

    def uncentred(self) -> Scatter:
        """Scatter about zero, `sum_i x_i x_i^T`, for the paper's uncentred definitions."""
        if self.rows is not None and self.centre != "zero":
            return Scatter(self.n, torch.zeros_like(self.mean), None, self.eps, "zero", self.rows + self.mean)
        return self._about_zero or self

    @cached_property
    def _about_zero(self) -> Scatter | None:
        """None of a scatter about zero."""
        if self.centre == "zero":
            return None
        about = self.matrix + self.n * torch.outer(self.mean, self.mean)
        return Scatter(self.n, torch.zeros_like(self.mean), about, self.eps, "zero")

    def through(self, weight: Tensor, bias: Tensor | None) -> Scatter:
        """Scatter of `x @ weight + bias`, weight (p, q), in closed form. Raises InputError for a bias after
        `uncentred()`, when the mean is no longer known."""
        if bias is not None and self.centre == "zero":
            raise InputError(
                "a scatter about zero has no mean that a bias could move; take the map first, then `uncentred()`"
            )
        mean = self.mean @ weight
        return Scatter(
            self.n, mean if bias is None else mean + bias, weight.mT @ self.matrix @ weight, self.eps, self.centre
        )

    @cached_property
    def whitened(self) -> Basis:
        """Whitening after scaling every feature to unit scatter, so that different scales cost no digits."""
        scale = torch.where(self.alive, self.sizes, 1).sqrt()
        return self._basis(torch.where(self.alive, 1 / scale, 0), scale)

    @cached_property
    def principal(self) -> Basis:
        """Whitening in principal directions of the unscaled features, largest scatter first."""
        ones = torch.ones_like(self.mean)
        return self._basis(torch.where(self.alive, ones, 0), ones)

    def _basis(self, shrink: Tensor, stretch: Tensor) -> Basis:
        """Basis of the features times `shrink` (p,); `stretch` (p,) gives its loadings in the original features."""
        if self.rows is not None and self.width > self.n:
            left, sigma = wide(self.rows * shrink)
            rank = rank_of(sigma.square(), self.n, self.width, self.eps, squared=False)
            return Basis(sigma[:rank].square(), None, None, left[:, :rank], self.rows, shrink)
        scores: Tensor | None = None
        if self.rows is not None:
            scores, sigma, directions = torch.linalg.svd(self.rows * shrink, full_matrices=False)
            values, vectors = sigma.square(), directions.mT
        else:
            values, vectors = torch.linalg.eigh(shrink[:, None] * self.matrix * shrink)
            values, vectors = values.flip(0).clamp_min(0), vectors.flip(1)
        rank = rank_of(values, self.n, self.width, self.eps, squared=self.rows is None)
        root = values[:rank].sqrt()
        vectors = vectors[:, :rank]
        return Basis(
            values[:rank],
            shrink[:, None] * vectors / root,
            stretch[:, None] * vectors * root,
            None if scores is None else scores[:, :rank],
        )


def streamable(*sides: Tensor) -> bool:
    """True for rows that are multiplied block by block: more than one block, and no gradient is needed."""
    return len(sides[0]) > ROWS and not (torch.is_grad_enabled() and any(x.requires_grad for x in sides))
