"""Indices with a mistake that the conformance kit must find: right formulas, wrong by construction."""

from dataclasses import dataclass

import torch
from simbench_plugins.indices.gulp import GULP
from simbench_plugins.indices.soft_matching import SoftMatching


@dataclass(frozen=True)
class UnevenGULP(GULP):
    """Divides the covariance of a by n and that of b by n - 1."""

    name = "uneven_gulp"

    def from_moments(self, m):
        a, b, ab = m.aa / m.a.total, m.bb / m.b.total * m.n / (m.n - 1), m.ab / (m.a.total * m.b.total).sqrt()
        inverse_a, inverse_b = (torch.linalg.inv(x + self.strength * torch.eye(len(x)).to(x)) for x in (a, b))
        own = sum((inverse @ x @ inverse @ x).trace() for inverse, x in ((inverse_a, a), (inverse_b, b)))
        return (own - 2 * (inverse_a @ ab @ inverse_b @ ab.mT).trace()).clamp_min(0).sqrt()


@dataclass(frozen=True)
class GreedyMatching(SoftMatching):
    """Sends every neuron of a to its cheapest partner: the columns of the plan do not sum to 1/q."""

    name = "greedy_matching"

    def _plan(self, cost):
        p, q = cost.shape
        return torch.nn.functional.one_hot(cost.argmin(1), q).to(cost) / p


@dataclass(frozen=True)
class HeavyMatching(SoftMatching):
    """Gives every neuron of b the weight of a neuron of a, 1/p, and rescales: the rows do not sum to 1/p."""

    name = "heavy_matching"

    def _plan(self, cost):
        plan = torch.nn.functional.one_hot(cost.argmin(0), cost.shape[0]).mT.to(cost)
        return plan / plan.sum()
