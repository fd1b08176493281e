"""Centred kernel alignment (CKA): biased, debiased and minibatch estimators, linear and rbf kernels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from simbench import Claims, Index, InputError, KnownAnswer, hookimpl, invariant

if TYPE_CHECKING:
    from torch import Tensor

    from simbench import Moments


#: Largest number of rows of a Gram matrix, which then takes 3.2 GB.
MOST_ROWS = 20_000
#: Up to this number of rows, unbiased HSICs are computed from Gram matrices rather than in feature space.
_GRAM_ROWS = 2048
#: Smallest number of rows for the unbiased HSIC, which divides by n - 3.
FEWEST_ROWS = 4
_ALIKE = (
    "has rows that are all equally far apart, to rounding, so that its unbiased HSIC with itself is zero and "
    "divides nothing by nothing"
)
_STILL = "has no rows that differ by more than rounding, so that its HSIC with itself is zero"


@dataclass(frozen=True)
class CKA(Index):
    """CKA(K, L) = h(K, L) / sqrt(h(K, K) h(L, L)) of the Gram matrices K, L of the two sides.

    estimator: of h, the HSIC. "biased" is the plug-in tr(KHLH) (Gretton et al. 2005, definition 2); with the linear
        kernel CKA is ||B^T A||_F^2 / (||A^T A||_F ||B^T B||_F) of centred A, B (paper, definition 6.2). On few rows
        it is large for independent data. "debiased" is the unbiased HSIC of Song et al. (2012, eq. 5), as in Nguyen
        et al. (2021, eq. 3); it can be negative, and is not clamped. "minibatch" is the ratio of sums of the unbiased
        HSIC, divided by m (m - 3), over minibatches of m rows (Nguyen et al. 2021, eq. 2), not a mean of ratios. It
        streams over any number of inputs and estimates the same number whatever the size of the minibatches. Rows are
        centred first, and their products are computed in their precision, at least float32.
    batch: number of consecutive rows of a minibatch, for estimator=minibatch only. A shorter last minibatch is left
        out if it has fewer than 4 rows.
    kernel: "linear", or "rbf" exp(-d^2 / (2 sigma^2)) with sigma the median distance between distinct
        rows, the lower of the two middle ones (Kornblith et al. 2019, section 3, who take it over all n^2
        pairs), which makes it invariant to scaling. The debiased and rbf variants need the rows themselves.

    Undefined where h(K, K) or h(L, L) does not exceed rounding errors: all rows are equal, or, for the unbiased HSIC,
    all rows are equally far apart (such as one-hot rows), or only one row differs from the others.
    """

    estimator: Literal["biased", "debiased", "minibatch"] = "biased"
    kernel: Literal["linear", "rbf"] = "linear"
    batch: int = 128

    name, any_precision = "cka", True
    source = "Kornblith et al. 2019, eq. 4; Csiszarik et al. 2021, definition 6.2"

    def __post_init__(self) -> None:
        if self.estimator != "minibatch" and self.batch != 128:
            raise InputError(
                f"batch is {self.batch} and estimator {self.estimator}; batch is only for estimator=minibatch"
            )
        if self.batch < FEWEST_ROWS:
            raise InputError(f"batch is {self.batch}; a whole number from {FEWEST_ROWS} is allowed")

    @property
    def claims(self) -> Claims:
        invariances = invariant("orthogonal", "scaling", "translation")
        low = 0.0 if self.estimator == "biased" else -1.0
        return Claims(
            symmetric=True, range=(low, 1.0), invariances_a=invariances, invariances_b=invariances, differentiable=True
        )

    @property
    def needs(self) -> str:
        return "moments" if (self.estimator, self.kernel) == ("biased", "linear") else "samples"

    def from_moments(self, m: Moments) -> Tensor:
        from simbench_plugins.indices.gram import ratio

        from simbench.moments import exponents

        m = m.defined()
        # Divides each side by a power of two near its scale, so that no product overflows or vanishes.
        left, right = (2.0 ** -(int(exponents(side.sizes[None])) // 2) for side in (m.a, m.b))
        ab, aa, bb = m.ab * left * right, m.aa * left * left, m.bb * right * right
        return ratio(ab.square().sum(), aa.square().sum(), bb.square().sum(), m.n + ab.numel(), _STILL)

    @property
    def minibatches(self) -> int | None:
        return self.batch if self.estimator == "minibatch" else None

    def of_batch(self, x: Tensor) -> Tensor:
        """U-centred Gram matrix of m rows divided by sqrt(m (m - 3)), (m^2,): inner products are the unbiased HSIC
        (Song et al. 2012, eq. 5, in the form of Szekely and Rizzo 2014, eq. 2.2). Exactly zero where it does not
        exceed rounding errors."""
        from simbench.moments import measured, widened

        return self._vector(widened(x), measured(x))

    def _vector(self, x: Tensor, eps: float) -> Tensor:
        """`of_batch` for rows in float32 or float64 whose original precision was eps."""
        from simbench_plugins.indices.gram import centred_gram

        return centred_gram(x, self.kernel, True, eps) / (len(x) * (len(x) - 3)) ** 0.5

    def _over_minibatches(self, x: Tensor, eps: float) -> Tensor:
        """The vectors of all minibatches, concatenated."""
        import torch

        parts = [self._vector(part, eps) for part in x.split(self.batch) if len(part) >= FEWEST_ROWS]
        if not parts:
            raise InputError(f"{self.spec} has no minibatch of {FEWEST_ROWS} rows: {len(x)} rows are given")
        return torch.cat(parts)

    def from_samples(self, a: Tensor, b: Tensor) -> Tensor:
        import torch
        from simbench_plugins.indices.gram import centred_gram, hsics, ratio

        from simbench.moments import Moments, measured, rescaled, widened

        n, unbiased, eps = len(a), self.estimator != "biased", (measured(a), measured(b))
        a, b = (rescaled(widened(x)) for x in (a, b))
        if self.estimator == "minibatch":
            f, g = map(self._over_minibatches, (a, b), eps)
            return ratio(f @ g, f @ f, g @ g, len(f), _ALIKE)
        if unbiased and n < FEWEST_ROWS:
            raise InputError(f"{self.spec} takes at least {FEWEST_ROWS} rows: {n} are given")
        a, b = a.to(torch.float64), b.to(torch.float64)
        if self.kernel == "linear" and max(a.shape[1], b.shape[1]) < n:
            if not unbiased:
                return self.from_moments(Moments.of(a, b))
            sums = hsics(a, b, eps) if n > _GRAM_ROWS else None
            if sums:
                return ratio(*sums, n + a.shape[1] * b.shape[1], _ALIKE)
        if n > MOST_ROWS:
            raise InputError(
                f"{self.spec} compares every row with every other: {n} rows are given, at most "
                f"{MOST_ROWS} are allowed; give a sample of them, or another view"
            )
        f, g = (centred_gram(x, self.kernel, unbiased, fine) for x, fine in zip((a, b), eps, strict=True))
        return ratio(f @ g, f @ f, g @ g, len(f), _ALIKE if unbiased else _STILL)

    def of_training_batch(self, a: Tensor, b: Tensor) -> Tensor:
        """Value of the biased linear estimator on float32 rows (n, p) of equal width, of which only those of a are
        trained, in less time than `from_samples`; value and gradient differ by less than 1e-6 of their size."""
        from simbench_plugins.indices.cka_gradient import cka

        return cka(a, b, _STILL)

    def known_answers(self) -> list[KnownAnswer]:
        import torch

        corners = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
        stretched = corners * torch.tensor([1.0, 3.0])
        if (self.estimator, self.kernel) == ("biased", "linear"):
            why = "corners of a square against the same with one side times 3: (1 + 9) / (sqrt(2) sqrt(82))"
            return [KnownAnswer(corners, stretched, 10 / 164**0.5, why)]
        if self.estimator == "minibatch" and self.batch < 8:
            return []
        if self.kernel == "linear":
            # n = 8 rows. Off the diagonal, a row of K holds 2 once, 0 four times and -2 twice, and a row of L holds
            # 1 three times and -1 four times; with the row sums -2 and -1, n (n - 3) HSIC (Song et al. 2012, eq. 5) is
            # h(K, L) = 48 + 128/42 - 32/6 = 320/7, h(K, K) = 640/7, h(L, L) = 384/7.
            why = "corners of a square, twice, against one coordinate: 320 / sqrt(640 * 384)"
            both = torch.cat([corners, corners])
            return [KnownAnswer(both, both[:, :1], 320 / (640 * 384) ** 0.5, why)]
        return []


@hookimpl
def simbench_indices():
    return [CKA()]
