"""Distance correlation: the cosine of doubly centred distance matrices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from simbench import Claims, Index, InputError, KnownAnswer, hookimpl, invariant
from simbench.contracts.fields import number

if TYPE_CHECKING:
    from torch import Tensor

_ALIKE = "has rows that are all equally far apart, to rounding, so that its distance variance is zero"
_STILL = "has no rows that differ by more than rounding, so that its distance variance is zero"


@dataclass(frozen=True)
class DistanceCorrelation(Index):
    """dCor = sqrt(<A, B> / sqrt(<A, A> <B, B>)) of the doubly centred matrices A, B of Euclidean distances of rows.

    estimator: "biased" takes means of rows and columns from the n x n distances (Szekely et al. 2007, definition 5);
        on few rows of many features it is near 1 for independent data. "unbiased" U-centres them and leaves out the
        diagonal (Szekely and Rizzo 2014, definition 2 and eq. 2.2): the bias-corrected distance correlation
        <A, B> / sqrt(<A, A> <B, B>), which estimates the square, can be negative, and has no root taken.
    squared: True leaves out the root of the biased one, too. (Published codes call either one distance correlation.)
    exponent: of the distances, above 0 and below 2 for a correlation that is zero for independent rows only; with 2 the
        square is biased linear CKA.

    Undefined where all distances are zero, or, for the unbiased one, all equal.
    """

    estimator: Literal["biased", "unbiased"] = "biased"
    squared: bool = False
    exponent: float = number(1.0, above=0.0, most=2.0)

    name = "distance_correlation"
    source = "Szekely et al. 2007, definition 5; Szekely and Rizzo 2014, eq. 2.2"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.squared and self.estimator == "unbiased":
            raise InputError("squared is true and estimator unbiased, which is a square; squared is for biased only")

    @property
    def claims(self) -> Claims:
        invariances = invariant("orthogonal", "scaling", "translation")
        return Claims(
            symmetric=True,
            range=(0.0 if self.estimator == "biased" else -1.0, 1.0),
            invariances_a=invariances,
            invariances_b=invariances,
            differentiable=True,
        )

    @property
    def inner(self) -> bool:
        return self.squared or self.estimator == "unbiased"

    def prepare(self, rows: Tensor) -> Tensor:
        """The centred distances as a vector of length 1."""
        import torch
        from simbench_plugins.indices.distances import distances, packed, square
        from simbench_plugins.indices.gram import require_rows, u_centred
        from simbench_plugins.indices.kernels import FEWEST_ROWS
        from simbench_plugins.indices.vectors import unit

        from simbench.moments import measured

        n, x, unbiased = len(rows), rows.to(torch.float64), self.estimator == "unbiased"
        require_rows(n)
        if unbiased and n < FEWEST_ROWS:
            raise InputError(f"{self.spec} takes at least {FEWEST_ROWS} rows: {n} are given")
        between = distances(x)
        longest = float(between.detach().max())
        if not longest > 0:
            return unit(between, _STILL)
        # In units of the longest, so that no power overflows, with the rounding errors of the rows.
        noise = min(4 * measured(rows) * float(x.detach().abs().max()) / longest, 1.0)
        matrix = square(self._powers(between / longest), n)
        if unbiased:
            # Distances that are all equal leave rounding errors.
            return unit(packed(u_centred(matrix), diagonal=False), _ALIKE, self.exponent * noise * n)
        matrix = matrix - matrix.mean(0) - matrix.mean(1, keepdim=True) + matrix.mean()
        return unit(packed(matrix), _STILL)

    def _powers(self, between: Tensor) -> Tensor:
        """Distances to the power of `exponent`, with gradient 0 where they are 0."""
        import torch

        if self.exponent == 1:
            return between
        apart = between > 0
        return torch.where(apart, torch.where(apart, between, 1) ** self.exponent, 0)

    def compare(self, a: Tensor, b: Tensor) -> Tensor:
        from simbench_plugins.indices.vectors import cosine

        value = cosine(a, b)
        if self.estimator == "unbiased":
            return value
        value = value.clamp_min(0)
        return value if self.squared else value.sqrt()

    def known_answers(self) -> list[KnownAnswer]:
        from simbench_plugins.indices.dissimilarity_answers import of_distance_correlation

        return of_distance_correlation(self)


@hookimpl
def simbench_indices():
    return [DistanceCorrelation()]
