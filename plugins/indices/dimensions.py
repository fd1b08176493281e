"""Differences of dimension: effective rank, intrinsic dimension and eigenspectrum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from simbench_plugins.indices.summaries import Difference

from simbench import KnownAnswer, Undefined, hookimpl, number

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class EffectiveRank(Difference):
    """|f(A) - f(B)| of the effective rank f = exp(-sum_i p_i log p_i), p_i = s_i / sum_j s_j.

    of: s are the "singular_values" of the matrix of rows (Roy and Vetterli 2007), or their squares, "eigenvalues".
    centred: True subtracts the mean of the rows first; the source does not.
    """

    of: Literal["singular_values", "eigenvalues"] = "singular_values"
    centred: bool = False

    name = "effective_rank"
    source = "Roy and Vetterli 2007, definition 1"
    _smooth = False  # gradients of tied singular values are infinite

    @property
    def _unseen(self) -> tuple[str, ...]:
        return ("orthogonal", "scaling", *(("translation",) if self.centred else ()))

    def prepare(self, rows: Tensor) -> Tensor:
        import torch

        values = _singular_values(rows, self.centred)
        values = values / values.amax()
        values = values if self.of == "singular_values" else values.square()
        shares = values / values.sum()
        return torch.special.entr(shares).sum().exp()

    def known_answers(self) -> list[KnownAnswer]:
        import torch

        signs = _signs(8)
        # Singular values 3 and 1 against three equal ones.
        p = 3 / 4 if self.of == "singular_values" else 9 / 10
        value = 3 - (p**-p) * (1 - p) ** (p - 1)
        a, b = signs[:, 1:3] * torch.tensor([3.0, 1.0], dtype=torch.float64), signs[:, 1:4]
        return [KnownAnswer(a, b, value, "singular values 3 : 1 and 1 : 1 : 1, orthogonal columns of mean 0")]


@dataclass(frozen=True)
class TwoNN(Difference):
    """|f(A) - f(B)| of the intrinsic dimension f by the ratio m = r_2 / r_1 of the distances of each row from its two
    nearest others. Where density is constant, log m is exponential with rate f.

    estimator: "fit" is the least squares slope through the origin of -log(1 - F(m)) against log m, F(m_(i)) = i / N of
        the sorted ratios (Facco et al. 2017, algorithm in the methods); "mle" is N / sum log m (Denti et al. 2022).
    discard: share of the largest ratios that the fit leaves out, 0.1 in the source.

    Rows that coincide, to rounding, count once. Undefined on fewer than 3 different rows, and where r_2 = r_1 for all.
    """

    estimator: Literal["fit", "mle"] = "fit"
    discard: float = number(0.1, above=0.0, most=0.9)

    name = "twonn"
    source = "Facco et al. 2017, eqs. 3 to 5"
    _unseen = ("orthogonal", "scaling", "translation")
    _smooth = False  # ranks of ratios

    def prepare(self, rows: Tensor) -> Tensor:
        import torch
        from simbench_plugins.indices.nearest import rounding

        rows = rows.to(torch.float64)
        rows = rows - rows.mean(0)
        apart = torch.cdist(rows, rows, compute_mode="donot_use_mm_for_euclid_dist")
        error = rounding(rows) * float(torch.linalg.vector_norm(rows, dim=1).amax())
        first = ~((apart <= error).tril(-1).any(1))  # no earlier row is the same
        apart = apart[first][:, first].fill_diagonal_(torch.inf)
        n = len(apart)
        if n < 3:
            raise Undefined(f"has {n} different rows; at least 3 are needed")
        near = apart.topk(2, dim=1, largest=False).values
        ratios = (near[:, 1] / near[:, 0]).log()
        if bool((ratios <= 4 * error / near[:, 0]).all()):
            raise Undefined("has rows whose two nearest others are equally far, to rounding: no dimension is defined")
        ratios = ratios.sort().values
        if self.estimator == "mle":
            return n / ratios.sum()
        ratios = ratios[: max(1, min(n - 1, int(n * (1 - self.discard))))]
        empirical = torch.arange(1, len(ratios) + 1, device=rows.device).to(rows) / n
        return (ratios * -torch.log1p(-empirical)).sum() / ratios.square().sum()

    def known_answers(self) -> list[KnownAnswer]:
        import math

        import torch

        if self.discard != 0.1:
            return []
        values = []
        # r_2 / r_1 of the four points: 3/1, 2/1, 3/2 and 5/3, and 4/1, 3/1, 4/3 and 7/4. The fit takes the first three.
        for ratios in ((3 / 2, 5 / 3, 2, 3), (4 / 3, 7 / 4, 3, 4)):
            logs = [math.log(ratio) for ratio in ratios]
            fit = sum(x * math.log(4 / (3 - i)) for i, x in enumerate(logs[:3])) / sum(x * x for x in logs[:3])
            values.append(4 / sum(logs) if self.estimator == "mle" else fit)
        a, b = (torch.tensor(x, dtype=torch.float64)[:, None] for x in ([0.0, 1, 3, 6], [0.0, 1, 4, 8]))
        return [KnownAnswer(a, b, abs(values[0] - values[1]), "four points on a line, at 0 1 3 6 and at 0 1 4 8")]


@dataclass(frozen=True)
class Spectrum(Difference):
    """Distance of the eigenvalues of the covariances, sorted, divided by their sum, and padded with zeros.

    distance: "euclidean" is the smallest Frobenius distance of the covariances, divided by their traces, over all
        rotations (Hoffman and Wielandt 1953); "total_variation" is half the sum of absolute differences, from 0 to 1.
    """

    distance: Literal["euclidean", "total_variation"] = "euclidean"

    name = "spectrum"
    source = "Hoffman and Wielandt 1953, theorem 1"
    _unseen = ("orthogonal", "scaling", "translation")
    _smooth = False  # gradients of tied eigenvalues are infinite

    @property
    def _range(self) -> tuple[float, float]:
        return (0.0, 2**0.5 if self.distance == "euclidean" else 1.0)

    def prepare(self, rows: Tensor) -> Tensor:
        """(min(n, p),) shares of the variance, largest first."""
        values = _singular_values(rows, True)
        values = (values / values.amax()).square()
        return values / values.sum()

    def compare(self, a: Tensor, b: Tensor) -> Tensor:
        import torch

        wide = max(len(a), len(b))
        apart = torch.cat([a, a.new_zeros(wide - len(a))]) - torch.cat([b, b.new_zeros(wide - len(b))])
        return torch.linalg.vector_norm(apart) if self.distance == "euclidean" else apart.abs().sum() / 2

    def known_answers(self) -> list[KnownAnswer]:
        import torch

        signs = _signs(8)
        a, b = signs[:, 1:3] * torch.tensor([3**0.5, 1.0], dtype=torch.float64), signs[:, 1:5] + 5
        # Shares (3/4, 1/4) against (1/4, 1/4, 1/4, 1/4).
        value = 0.375**0.5 if self.distance == "euclidean" else 0.5
        return [KnownAnswer(a, b, value, "variances 3 : 1 against four equal ones")]


def _singular_values(rows: Tensor, centred: bool) -> Tensor:
    """Singular values of rows (n, p), largest first."""
    import torch

    rows = rows.to(torch.float64)
    return torch.linalg.svdvals(rows - rows.mean(0) if centred else rows)


def _signs(n: int) -> Tensor:
    """(n, n) orthogonal columns of +-1, the first all ones; n a power of two."""
    import torch

    signs = torch.ones(1, 1, dtype=torch.float64)
    while len(signs) < n:
        signs = torch.kron(signs, signs.new_tensor([[1, 1], [1, -1]]))
    return signs


@hookimpl
def simbench_indices():
    return [EffectiveRank(), TwoNN(), Spectrum()]
