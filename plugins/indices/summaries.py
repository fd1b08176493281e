"""Differences of one number, or of one spectrum, of each side: they do not see which rows belong together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from simbench import Claims, Index, KnownAnswer, Undefined, hookimpl, invariant, number

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Difference(Index):
    """|f(A) - f(B)| of a number f of each side, which does not depend on the order of the rows."""

    @property
    def claims(self) -> Claims:
        invariances = invariant("rows", *self._unseen)
        return Claims(-1, True, self._range, invariances, invariances, self._smooth)

    #: The invariances of f besides that to the order of the rows, its range, and whether it is differentiable.
    _unseen = ("orthogonal",)
    _range = (0.0, float("inf"))
    _smooth = True

    def compare(self, a: Tensor, b: Tensor) -> Tensor:
        return (a - b).abs()


@dataclass(frozen=True)
class Magnitude(Difference):
    """| ||mean of the rows of A|| - ||mean of the rows of B|| |."""

    name = "magnitude"
    source = "Wang et al. 2020; Klabunde et al. 2025, section 3.6"

    def prepare(self, rows: Tensor) -> Tensor:
        import torch

        return torch.linalg.vector_norm(rows.to(torch.float64).mean(0))

    def known_answers(self) -> list[KnownAnswer]:
        a, b = _square()
        return [KnownAnswer(a + _vector(3, 4), b - _vector(0, 2), 3.0, "means (3, 4) and (0, -2): 5 - 2")]


@dataclass(frozen=True)
class Concentricity(Difference):
    """|f(A) - f(B)| of the mean cosine f of the angles between the rows and their mean. A row of zeros has cosine 0.

    Undefined where the mean is zero to rounding.
    """

    name = "concentricity"
    source = "Wang et al. 2020; Klabunde et al. 2025, section 3.6"
    _unseen = ("orthogonal", "scaling")
    _range = (0.0, 2.0)

    def prepare(self, rows: Tensor) -> Tensor:
        import torch

        from simbench.moments import measured

        eps, rows = measured(rows), rows.to(torch.float64)
        sizes, mean = torch.linalg.vector_norm(rows, dim=1), rows.mean(0)
        length = torch.linalg.vector_norm(mean)
        # Rounding errors of the rows, and of a sum of n of them.
        if bool(length <= (eps + len(rows) * torch.finfo(torch.float64).eps) * sizes.mean()):
            raise Undefined("has rows whose mean is zero, to rounding, so that no angle to it is defined")
        return (rows @ mean / torch.where(sizes > 0, sizes, 1)).mean() / length

    def known_answers(self) -> list[KnownAnswer]:
        a, b = _square()
        # Rows (1, 1) and (1, -1), twice, about (1, 0); rows (2, 1) and (2, -1) likewise.
        a, b = a * _vector(0, 1) + _vector(1, 0), b * _vector(0, 1) + _vector(2, 0)
        return [KnownAnswer(a, b, 2 / 5**0.5 - 0.5**0.5, "rows at 45 degrees to the mean, and at arctan 1/2")]


@dataclass(frozen=True)
class Uniformity(Difference):
    """|f(A) - f(B)| of f = log mean_ij exp(-t ||x_i - x_j||^2), the uniformity of the rows x.

    t: inverse width of the kernel, 2 in both sources. normalised: True divides every row by its length, so that rows
        lie on a sphere (Wang and Isola 2020, eq. 5 and appendix A); the code of Klabunde et al. (2025) does not.
    pairs: "distinct" takes the mean over pairs of two rows, as the authors' code does; "all" also over the n pairs of a
        row with itself (Klabunde et al. 2025).
    """

    t: float = number(2.0, above=0.0)
    normalised: bool = True
    pairs: Literal["distinct", "all"] = "distinct"

    name = "uniformity"
    source = "Wang and Isola 2020, section 4.1.2; Klabunde et al. 2025, section 3.6"

    @property
    def _unseen(self) -> tuple[str, ...]:
        return ("orthogonal", "scaling" if self.normalised else "translation")

    @property
    def _range(self) -> tuple[float, float]:
        # On a sphere, no two rows are farther apart than 2.
        return (0.0, 4 * self.t if self.normalised else float("inf"))

    def prepare(self, rows: Tensor) -> Tensor:
        import math

        import torch
        from simbench_plugins.indices.nearest import unit_rows

        rows = unit_rows(rows) if self.normalised else rows.to(torch.float64)
        n, rows = len(rows), rows - rows.mean(0).detach()
        lengths = rows.square().sum(1)
        apart = (lengths + lengths[:, None] - 2 * rows @ rows.mT).clamp_min(0)
        if self.pairs == "all":
            return torch.logsumexp(-self.t * _off_diagonal(apart, 0.0).flatten(), 0) - 2 * math.log(n)
        exponents = -self.t * _off_diagonal(apart, math.inf).flatten()
        return torch.logsumexp(exponents, 0) - math.log(n * (n - 1))

    def known_answers(self) -> list[KnownAnswer]:
        import math

        import torch

        a = torch.eye(2, dtype=torch.float64).repeat_interleave(2, 0)
        b = torch.eye(4, dtype=torch.float64)
        # Squared distances of 2 between different rows; 4 of the 12 ordered pairs of two rows of a are of equal rows.
        near = math.exp(-2 * self.t)
        if self.pairs == "distinct":
            value = math.log((4 + 8 * near) / 12) - math.log(near)
        else:
            value = math.log((8 + 8 * near) / 16) - math.log((4 + 12 * near) / 16)
        return [KnownAnswer(a, b, value, "two directions, each twice, against four directions at right angles")]


def _off_diagonal(x: Tensor, diagonal: float) -> Tensor:
    """x (n, n) with another diagonal."""
    import torch

    return torch.where(torch.eye(len(x), dtype=torch.bool, device=x.device), diagonal, x)


def _square() -> tuple[Tensor, Tensor]:
    """The corners (+-1, +-1), twice."""
    import torch

    corners = torch.cartesian_prod(*(torch.tensor([1.0, -1.0], dtype=torch.float64),) * 2)
    return corners, corners.clone()


def _vector(*numbers: float) -> Tensor:
    import torch

    return torch.tensor(numbers, dtype=torch.float64)


@hookimpl
def simbench_indices():
    return [Magnitude(), Concentricity(), Uniformity()]
