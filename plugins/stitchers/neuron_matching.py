"""Matching single neurons by their correlation: one to one, or one to many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from simbench import Affine, Stitcher, hookimpl
from simbench.errors import unknown

if TYPE_CHECKING:
    from torch import Tensor

    from simbench import Moments

KINDS = ("permutation", "semi_matching", "soft_semi_matching")
#: Correlations are rounded to this number of decimals, so that equal neurons tie for any order of the rows.
_DECIMALS = 9


def correlations(m: Moments, absolute: bool = False) -> Tensor:
    """(p, q) Pearson correlation of every neuron of a with every neuron of b, to nine decimals, or its
    absolute value; 0 where either neuron is constant."""
    import torch

    spread = torch.outer(m.aa.diagonal(), m.bb.diagonal()).sqrt()
    varies = torch.outer(m.a.alive, m.b.alive)
    rho = torch.where(varies, m.ab / torch.where(varies, spread, 1), 0).clamp(-1, 1).round(decimals=_DECIMALS)
    return rho.abs() if absolute else rho


def mask(m: Moments, kind: str, absolute: bool = False) -> Tensor:
    """(p, q) in [0, 1], float64: which neuron of a may feed which neuron of b.

    permutation: 1 for the min(p, q) pairs, one to one, of largest sum of correlations (optimal assignment,
        scipy's; Li et al. 2016, "bipartite matching"). For equal sums, scipy's choice is a function of the
        correlations alone.
    semi_matching: 1 for the neuron of a that correlates most with each neuron of b, which may feed several
        (Li et al. 2016, "bipartite semi-matching"). Equal correlations: the first.
    soft_semi_matching: correlation over the largest of the same neuron of b, negative ones 0; it is 1 where
        semi_matching is. A neuron of b whose correlations are all negative or 0 has a column of zeros.
    absolute: correlations count by their absolute value.
    """
    import torch

    rho = correlations(m, absolute)
    if kind == "soft_semi_matching":
        largest = rho.amax(0).clamp_min(0)
        return rho.clamp_min(0) / torch.where(largest > 0, largest, 1)
    if kind == "semi_matching":
        rows, columns = rho.cpu().numpy().argmax(0), range(rho.shape[1])
    elif kind == "permutation":
        from scipy.optimize import linear_sum_assignment

        rows, columns = linear_sum_assignment(rho.cpu().numpy(), maximize=True)
    else:
        raise unknown("mask", kind, KINDS)
    chosen = torch.zeros_like(rho)
    chosen[list(rows), list(columns)] = 1
    return chosen


def assignment(m: Moments) -> Affine:
    """The permutation matrix (p, q) of largest sum of correlations, without a bias."""
    return Affine(mask(m, "permutation"))


@dataclass(frozen=True)
class Permutation(Stitcher):
    """Every neuron of b is fed by one neuron of a, one to one, with the largest sum of correlations.

    All neurons of the narrower side are matched; the remaining neurons of the other side are not connected.
    scale: False is a permutation matrix, weights 1 (with absolute, the sign of the correlation). True maps each
        neuron by its least squares slope: the smaller residual, but a neuron of correlation r comes out with r
        times the deviation that the end of Model 2 was trained on, and the stitched network works less well (two
        Tiny-10 on digits, at bn3: 0.20 of Model 2's accuracy against 0.36, at bn5 0.10 against 0.30).
    absolute: the largest sum of absolute correlations; a neuron may then be fed by its opposite.
    bias: True maps mean to mean. Neurons are matched by the same correlations either way.
    """

    scale: bool = False
    absolute: bool = False
    bias: bool = True

    name = "permutation"
    source = "Li et al. 2016, section 3, bipartite matching by correlation"
    objective = "correlation"

    @property
    def family(self) -> str:
        return "scaled_permutation" if self.scale else "permutation"

    def from_moments(self, m: Moments) -> Affine:
        return _joined(m, mask(m, "permutation", self.absolute), self)

    def loss(self, m: Moments, affine: Affine) -> Tensor:
        return _unmatched(m, affine, self.absolute)


@dataclass(frozen=True)
class SemiMatching(Stitcher):
    """Every neuron of b is fed by the neuron of a that correlates most with it; one of a may feed several.

    mode: "hard", that neuron alone; "soft", all of them, weighted by their correlation (negative ones by 0 unless
        absolute). Soft is not in Li et al.
    scale, absolute, bias: as in permutation. Soft without a scale is a weighted mean, the absolute values of the
        weights of a neuron of b summing to 1; with one, neurons are standardised first, and it is the first
        component of a partial least squares regression (Wold 1975).
    """

    mode: Literal["hard", "soft"] = "hard"
    scale: bool = False
    absolute: bool = False
    bias: bool = True

    name = "semi_matching"
    source = "Li et al. 2016, section 3, bipartite semi-matching by correlation"

    @property
    def objective(self) -> str:
        return "correlation" if self.mode == "hard" else ""

    @property
    def family(self) -> str:
        if self.mode == "hard":
            return "scaled_selection" if self.scale else "selection"
        return "affine" if self.bias else "linear"

    def from_moments(self, m: Moments) -> Affine:
        import torch

        if self.mode == "hard":
            return _joined(m, mask(m, "semi_matching", self.absolute), self)
        rho = correlations(m) if self.absolute else correlations(m).clamp_min(0)
        if self.scale:
            deviation = torch.where(m.a.alive, m.aa.diagonal(), 1).sqrt()
            return _slopes(m, rho / deviation[:, None], self.bias)
        total = rho.abs().sum(0)
        return m.mean_to_mean(rho / torch.where(total > 0, total, 1), self.bias)

    def loss(self, m: Moments, affine: Affine) -> Tensor:
        return _unmatched(m, affine, self.absolute)


def _joined(m: Moments, chosen: Tensor, stitcher: Permutation | SemiMatching) -> Affine:
    """The map that joins the chosen neurons, (p, q) of 0 and 1."""
    if stitcher.scale:
        return _slopes(m, chosen, stitcher.bias)
    signed = chosen.where(correlations(m) >= 0, -chosen) if stitcher.absolute else chosen
    return m.mean_to_mean(signed, stitcher.bias)


def _slopes(m: Moments, directions: Tensor, bias: bool) -> Affine:
    """Least squares regression of each neuron of b on the one feature a @ directions[:, j], directions (p, q);
    constant neurons take no part."""
    import torch

    m = m if bias else m.uncentred()
    directions = directions * torch.outer(m.a.alive, m.b.alive)
    size = (directions * (m.aa @ directions)).sum(0)
    slope = (directions * m.ab).sum(0) / torch.where(size > 0, size, 1)
    return m.mean_to_mean(directions * slope, bias)


def _unmatched(m: Moments, affine: Affine, absolute: bool) -> Tensor:
    """Minus the sum of the correlations of the neurons that are connected."""
    return -(correlations(m, absolute) * (affine.weight != 0)).sum()


@hookimpl
def simbench_stitchers():
    return [Permutation(), SemiMatching()]
