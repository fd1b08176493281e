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


@dataclass(frozen=True)
class CKA(Index):
    """CKA(K, L) = h(K, L) / sqrt(h(K, K) h(L, L)) of the Gram matrices K, L of the two sides.

    estimator: h is HSIC. "biased" is the plug-in tr(KHLH) (Gretton et al. 2005, definition 2), for the linear
        kernel ||B^T A||_F^2 / (||A^T A||_F ||B^T B||_F) of centred A, B (paper, definition 6.2);
        on few rows it is large for independent data. "debiased" is the unbiased HSIC of Song et al.
        (2012, eq. 5), as in Nguyen et al. (2021, eq. 3); it can be negative, and is not clamped.
    kernel: "linear", or "rbf" exp(-d^2 / (2 sigma^2)) with sigma the median distance between distinct
        rows, the lower of the two middle ones (Kornblith et al. 2019, section 3, who take it over all n^2
        pairs), which makes it invariant to scaling. The debiased and rbf variants need the rows themselves.
    """

    estimator: Literal["biased", "debiased"] = "biased"
    kernel: Literal["linear", "rbf"] = "linear"

    name = "cka"
    source = "Kornblith et al. 2019, eq. 4; Csiszarik et al. 2021, definition 6.2"

    @property
    def claims(self) -> Claims:
        kept = invariant("orthogonal", "scaling", "translation")
        low = -1.0 if self.estimator == "debiased" else 0.0
        return Claims(symmetric=True, range=(low, 1.0), invariances_a=kept, invariances_b=kept, differentiable=True)

    @property
    def needs(self) -> str:
        return "moments" if (self.estimator, self.kernel) == ("biased", "linear") else "samples"

    def from_moments(self, m: Moments) -> Tensor:
        return m.ab.square().sum() / (_norm(m.aa) * _norm(m.bb))

    def from_samples(self, a: Tensor, b: Tensor) -> Tensor:
        import torch

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
