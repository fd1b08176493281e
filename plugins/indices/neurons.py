"""Correlations of single neurons: how well those of one network have a counterpart in another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simbench_plugins.indices.held_rows import OfHeldRows, few_enough

from simbench import Claims, KnownAnswer, hookimpl, invariant

if TYPE_CHECKING:
    from torch import Tensor

    from simbench import Moments

_MOVED = invariant("permutation", "scaling", "translation")


def correlations(m: Moments) -> Tensor:
    """(p', q') Pearson correlations of the p' neurons of a with the q' of b that vary by more than rounding."""
    a, b = (side.alive & (side.sizes > side.n * (2 * side.eps * side.mean).square()) for side in (m.a, m.b))
    c = m.ab[a][:, b] / m.a.sizes[a].sqrt()[:, None] / m.b.sizes[b].sqrt()
    return c.clamp(-1, 1)


def _claims(absolute: bool, symmetric: bool) -> Claims:
    return Claims(1, symmetric, (0.0 if absolute else -1.0, 1.0), _MOVED, _MOVED, True)


@dataclass(frozen=True)
class HardCorrelation(OfHeldRows):
    """Mean correlation of neurons matched one to one: max_P sum_i corr(a_i, b_P(i)) / min(p, q).

    The assignment is that of the largest sum; neurons of the wider side without a partner do not count.
    absolute: True matches and averages |correlations|. Neurons that do not vary are left out (other codes count them).

    Undefined where a side does not vary.
    """

    absolute: bool = False

    name = "hard_correlation"
    source = "Li et al. 2016, bipartite matching; Klabunde et al. 2025, hard correlation match"

    @property
    def claims(self) -> Claims:
        return _claims(self.absolute, True)

    def from_moments(self, m: Moments) -> Tensor:
        from simbench_plugins.indices.matching import assigned

        c = correlations(few_enough(m).defined())
        c = c.abs() if self.absolute else c
        return c[assigned(c)].mean()

    def known_answers(self) -> list[KnownAnswer]:
        a, b, c = _neurons()
        greedy = (1 + 0.8) / 2
        return [
            KnownAnswer(a, b, greedy, "x and y against y and 0.8 x + 0.6 z"),
            KnownAnswer(a, -b, greedy if self.absolute else 0.0, "the same with opposite signs"),
            KnownAnswer(a, c, (1 + 0) / 2, "x and y against x and 2 x: only one of the two can be matched to x"),
        ]


@dataclass(frozen=True)
class SoftCorrelation(OfHeldRows):
    """Mean over neurons of the largest correlation with a neuron of the other side, averaged over both directions.

    (mean_i max_j corr(a_i, b_j) + mean_j max_i corr(a_i, b_j)) / 2: a neuron may be the partner of several. Li et al.
    report the two directions one by one (their semi-matching).
    absolute: True takes |correlations|. Neurons that do not vary are left out (other codes count them).

    Undefined where a side does not vary.
    """

    absolute: bool = False

    name = "soft_correlation"
    source = "Li et al. 2016, semi-matching; Klabunde et al. 2025, soft correlation match"

    @property
    def claims(self) -> Claims:
        return _claims(self.absolute, True)

    def from_moments(self, m: Moments) -> Tensor:
        c = correlations(few_enough(m).defined())
        c = c.abs() if self.absolute else c
        return (c.amax(1).mean() + c.amax(0).mean()) / 2

    def known_answers(self) -> list[KnownAnswer]:
        a, b, c = _neurons()
        both = (1 + 0.8) / 2
        return [
            KnownAnswer(a, b, both, "x and y against y and 0.8 x + 0.6 z"),
            KnownAnswer(a, -b, both if self.absolute else 0.0, "the same with opposite signs"),
            KnownAnswer(a, c, ((1 + 0) / 2 + 1) / 2, "x and y against x and 2 x, which both have their partner in x"),
        ]


@dataclass(frozen=True)
class MaxCorrelation(OfHeldRows):
    """Mean over the neurons of a of the largest |correlation| with a neuron of b: mean_i max_j |corr(a_i, b_j)|.

    It runs a -> b: which neurons of a can be read from a single neuron of b?
    absolute: False takes correlations with their signs. Neurons that do not vary are left out.

    Undefined where a side does not vary.
    """

    absolute: bool = True

    name = "max_correlation"
    source = "Li et al. 2016, semi-matching, of absolute correlations"

    @property
    def claims(self) -> Claims:
        return _claims(self.absolute, False)

    def from_moments(self, m: Moments) -> Tensor:
        c = correlations(few_enough(m).defined())
        return (c.abs() if self.absolute else c).amax(1).mean()

    def known_answers(self) -> list[KnownAnswer]:
        a, b, c = _neurons()
        return [
            KnownAnswer(a, -b, (1 + 0.8) / 2 if self.absolute else 0.0, "x and y against -y and -0.8 x - 0.6 z"),
            KnownAnswer(a, c, (1 + 0) / 2, "x and y against x and 2 x: y has no partner"),
            KnownAnswer(c, a, 1.0, "x and 2 x against x and y: both have one"),
        ]


def _neurons() -> tuple[Tensor, Tensor, Tensor]:
    """Neurons made of x, y and z, which are orthogonal over 4 rows and have mean 0."""
    import torch

    x, y, z = torch.tensor([[1.0, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]], dtype=torch.float64)
    return torch.stack([x, y], 1), torch.stack([y, 0.8 * x + 0.6 * z], 1), torch.stack([x, 2 * x], 1)


@hookimpl
def simbench_indices():
    return [HardCorrelation(), SoftCorrelation(), MaxCorrelation()]
