"""Centred kernel alignment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from simbench import Claims, Index, InputError, KnownAnswer, hookimpl, invariant

if TYPE_CHECKING:
    from torch import Tensor

    from simbench import Moments


#: Rows of a Gram matrix: 3.2 GB.
MOST_ROWS = 20_000
#: Rows that the unbiased HSIC needs: it divides by n - 3.
FEWEST_ROWS = 4
#: Elements of the rows that are centred and multiplied at a time, few enough to stay near the processor.
_BLOCK = 2**21


@dataclass(frozen=True)
class CKA(Index):
    """CKA(K, L) = h(K, L) / sqrt(h(K, K) h(L, L)) of the Gram matrices K, L of the two sides.

    estimator: h is HSIC. "biased" is the plug-in tr(KHLH) (Gretton et al. 2005, definition 2), for the linear
        kernel ||B^T A||_F^2 / (||A^T A||_F ||B^T B||_F) of centred A, B (paper, definition 6.2);
        on few rows it is large for independent data. "debiased" is the unbiased HSIC of Song et al.
        (2012, eq. 5), as in Nguyen et al. (2021, eq. 3); it can be negative, and is not clamped. "minibatch" is
        the ratio of sums over minibatches of that HSIC, divided by m (m - 3) for m rows (Nguyen et al. 2021,
        eq. 2), not a mean of ratios: it streams over any number of images, and of batches of any one size it
        estimates the same number. Its Gram matrices are products in the precision of the rows, which are
        centred first.
    batch: rows of a minibatch, in their order; only for estimator=minibatch. The last is shorter, and left out where
        it has fewer than 4.
    kernel: "linear", or "rbf" exp(-d^2 / (2 sigma^2)) with sigma the median distance between distinct
        rows, the lower of the two middle ones (Kornblith et al. 2019, section 3, who take it over all n^2
        pairs), which makes it invariant to scaling. The debiased and rbf variants need the rows themselves.
    """

    estimator: Literal["biased", "debiased", "minibatch"] = "biased"
    kernel: Literal["linear", "rbf"] = "linear"
    batch: int = 128

    name = "cka"
    source = "Kornblith et al. 2019, eq. 4; Csiszarik et al. 2021, definition 6.2"

    def __post_init__(self) -> None:
        if self.estimator != "minibatch" and self.batch != 128:
            raise InputError(f"batch is {self.batch} and estimator {self.estimator}; batch is only for "
                             "estimator=minibatch")
        if self.batch < FEWEST_ROWS:
            raise InputError(f"batch is {self.batch}; a whole number from {FEWEST_ROWS} is allowed")

    @property
    def claims(self) -> Claims:
        kept = invariant("orthogonal", "scaling", "translation")
        low = 0.0 if self.estimator == "biased" else -1.0
        return Claims(symmetric=True, range=(low, 1.0), invariances_a=kept, invariances_b=kept, differentiable=True)

    @property
    def needs(self) -> str:
        return "moments" if (self.estimator, self.kernel) == ("biased", "linear") else "samples"

    def from_moments(self, m: Moments) -> Tensor:
        return m.ab.square().sum() / (_norm(m.aa) * _norm(m.bb))

    @property
    def minibatches(self) -> int | None:
        return self.batch if self.estimator == "minibatch" else None

    def of_batch(self, x: Tensor) -> Tensor:
        """(m^2,) U-centred Gram matrix over sqrt(m (m - 3)): inner products are the unbiased HSIC (Song et al. 2012,
        eq. 5, in the form of Szekely and Rizzo 2014, eq. 2.2)."""
        import torch

        m = len(x)
        gram = (_centred_gram(x) if self.kernel == "linear" else _rbf(x)).to(torch.float64)
        gram = gram - gram.diagonal().diag()
        rows = gram.sum(0) / (m - 2)
        centred = gram - rows - rows[:, None] + rows.sum() / (m - 1)
        return (centred - centred.diagonal().diag()).flatten() / (m * (m - 3)) ** 0.5

    def _over_minibatches(self, a: Tensor, b: Tensor) -> Tensor:
        import torch

        parts = zip(a.split(self.batch), b.split(self.batch), strict=True)
        pairs = [(self.of_batch(x), self.of_batch(y)) for x, y in parts if len(x) >= FEWEST_ROWS]
        if not pairs:
            raise InputError(f"{self.spec} has no minibatch of {FEWEST_ROWS} rows: {len(a)} rows are given")
        f, g = map(torch.cat, zip(*pairs))
        return f @ g / (f.square().sum() * g.square().sum()).sqrt()

    def from_samples(self, a: Tensor, b: Tensor) -> Tensor:
        import torch

        if self.estimator == "minibatch":
            return self._over_minibatches(a, b)
        if self.kernel == "linear" and max(a.shape[1], b.shape[1]) < len(a):
            a, b = (x.to(torch.float64) - x.to(torch.float64).mean(0) for x in (a, b))
            hsic = _linear_biased if self.estimator == "biased" else _linear_debiased
        else:
            if len(a) > MOST_ROWS:
                raise InputError(f"{self.spec} compares every row with every other: {len(a)} rows are given, at most "
                                 f"{MOST_ROWS} are allowed; give a sample of them, or another view")
            # Gram matrices are centred, or blind to a shift; the mean is taken off for its digits alone.
            a, b = (x - x.detach().mean(0, dtype=torch.float64) for x in (a, b))
            gram = _rbf if self.kernel == "rbf" else (lambda x: x @ x.mT)
            a, b = gram(a), gram(b)
            hsic = _gram_biased if self.estimator == "biased" else _gram_debiased
        return hsic(a, b) / (hsic(a, a) * hsic(b, b)).sqrt()

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
            # n = 8 rows. K has off-diagonal entries 2 once, 0 four times and -2 twice a row, L has 1 three
            # and -1 four times; with the row sums -2 and -1, n (n - 3) HSIC (Song et al. 2012, eq. 5) is
            # h(K, L) = 48 + 128/42 - 32/6 = 320/7, h(K, K) = 640/7, h(L, L) = 384/7.
            why = "corners of a square, twice, against one coordinate: 320 / sqrt(640 * 384)"
            both = torch.cat([corners, corners])
            return [KnownAnswer(both, both[:, :1], 320 / (640 * 384) ** 0.5, why)]
        return []


def _norm(x: Tensor) -> Tensor:
    return x.square().sum().sqrt()


def _centred_gram(x: Tensor) -> Tensor:
    """(m, m) float64 inner products of the centred rows, multiplied in their own precision, some columns at a time.

    What rounding leaves of the mean moves all rows alike, which a U-centred Gram matrix does not see.
    """
    import torch

    gram = torch.zeros(len(x), len(x), dtype=torch.float64, device=x.device)
    average = torch.full((1, len(x)), 1 / len(x), dtype=x.dtype, device=x.device)
    for part in x.split(max(1, _BLOCK // len(x)), 1):
        part = part - average @ part.detach()
        gram = gram + part @ part.mT
    return gram


def _linear_biased(a: Tensor, b: Tensor) -> Tensor:
    return (a.mT @ b).square().sum()


def _linear_debiased(a: Tensor, b: Tensor) -> Tensor:
    """Unbiased HSIC of linear kernels on centred rows, in feature space (Kornblith et al. 2019, code)."""
    n = len(a)
    left, right = a.square().sum(1), b.square().sum(1)
    return ((a.mT @ b).square().sum() - n / (n - 2) * (left * right).sum()
            + left.sum() * right.sum() / ((n - 1) * (n - 2)))


def _gram_biased(k: Tensor, l: Tensor) -> Tensor:
    def centred(gram: Tensor) -> Tensor:
        return gram - gram.mean(0) - gram.mean(1, keepdim=True) + gram.mean()

    return (centred(k) * centred(l)).sum()


def _gram_debiased(k: Tensor, l: Tensor) -> Tensor:
    """n (n - 3) times the unbiased HSIC, Song et al. 2012, eq. 5: diagonals removed."""
    n = len(k)
    k, l = (gram - gram.diagonal().diag() for gram in (k, l))
    sums_k, sums_l = k.sum(0), l.sum(0)
    return ((k * l).sum() + sums_k.sum() * sums_l.sum() / ((n - 1) * (n - 2)) - 2 * sums_k @ sums_l / (n - 2))


def _rbf(x: Tensor) -> Tensor:
    import torch

    squared = torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist").square()
    pairs = torch.triu_indices(len(x), len(x), offset=1, device=x.device)
    median = squared[pairs[0], pairs[1]].detach().median()
    if not median > 0:
        raise InputError("the median distance between rows is 0 (most rows coincide), so the rbf bandwidth is "
                         "undefined; use kernel=linear")
    return torch.exp(-squared / (2 * median))


@hookimpl
def simbench_indices():
    return [CKA()]
