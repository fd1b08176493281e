"""Soft matching: the distance between two sets of neurons by optimal transport."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Literal

from simbench_plugins.indices.held_rows import OfHeldRows, few_enough

from simbench import Claims, Inapplicable, InputError, KnownAnswer, hookimpl, invariant

if TYPE_CHECKING:
    from torch import Tensor

    from simbench import Moments

#: Pivots after which the transport is given up.
_PIVOTS = 10**8


@dataclass(frozen=True)
class SoftMatching(OfHeldRows):
    """sqrt(min_T sum_ij T_ij ||a_i - b_j||^2) over plans T >= 0 whose rows sum to 1/p and whose columns sum to 1/q.

    a_i and b_j are the centred neurons, vectors over the n rows. It is the 2-Wasserstein distance between two sets of
    neurons, a metric; for p = q it is the distance after the best permutation, divided by sqrt(p).
    form: "distance"; "squared" without the root; "correlation" max_T sum_ij T_ij corr(a_i, b_j), of neurons scaled to
        unit length, where constant neurons are left out.
    centred: False takes neurons about zero.

    The plan is found exactly, by network simplex. Undefined where a side does not vary.
    """

    form: Literal["distance", "squared", "correlation"] = "distance"
    centred: bool = True

    name = "soft_matching"
    source = "Khosla and Williams 2024, soft matching distance"

    @property
    def claims(self) -> Claims:
        names = {"permutation"} | ({"translation"} if self.centred else set())
        if self.form == "correlation":
            kept = invariant("scaling", *names)
            return Claims(1, True, (-1.0, 1.0), kept, kept, True)
        kept = invariant(*names)
        return Claims(-1, True, (0.0, inf), kept, kept, self.form == "squared")

    def from_moments(self, m: Moments) -> Tensor:
        import torch
        from simbench_plugins.indices.alignment import negligible
        from simbench_plugins.indices.neurons import correlations

        m = few_enough(m if self.centred else m.uncentred()).defined()
        if self.form == "correlation":
            corr = correlations(m)
            return (self._plan(1 - corr) * corr).sum().clamp(-1, 1)
        sizes = m.a.sizes[:, None] + m.b.sizes
        cost = sizes - 2 * m.ab
        plan = self._plan(cost)
        if m.a.rows is None or m.b.rows is None:
            squared = (plan * torch.where(negligible(cost, sizes, 0), 0, cost)).sum()
        else:  # differences of rows have all digits, and few neurons are matched
            i, j = plan.nonzero(as_tuple=True)
            squared = plan[i, j] @ (m.a.rows[:, i] - m.b.rows[:, j]).square().sum(0)
        return squared if self.form == "squared" else squared.sqrt()

    def _plan(self, cost: Tensor) -> Tensor:
        """(p, q) optimal plan of the costs, without gradient."""
        import torch
        from simbench_plugins.indices.matching import numbers

        ot, (p, q) = _pot(), cost.shape
        plan, log = ot.emd(
            ot.unif(p), ot.unif(q), numbers(cost / cost.abs().amax().clamp_min(1e-300)), numItermax=_PIVOTS, log=True
        )
        if log["warning"]:
            raise Inapplicable(f"the transport of {p} neurons to {q} has no exact plan: {log['warning']}")
        return torch.from_numpy(plan).to(cost.device)

    def known_answers(self) -> list[KnownAnswer]:
        import torch
        from simbench_plugins.indices.matching import signs

        x, y, z = signs()
        power = 0.5 if self.form == "distance" else 1
        alike = self.form == "correlation"
        a = torch.stack([x, y], 1)
        half = 1 / 2 if alike else 4.0**power
        return [
            KnownAnswer(x[:, None], a, half, "one neuron goes to itself and to an orthogonal one by halves"),
            KnownAnswer(a, y[:, None], half, "two orthogonal neurons go to one of them"),
            KnownAnswer(
                a,
                torch.stack([z, y, x], 1),
                2 / 3 if alike else (8 / 3) ** power,
                "two neurons against three: two thirds stay, one third goes to an orthogonal neuron",
            ),
            KnownAnswer(a, torch.stack([2 * y, x], 1), 1.0 if alike else 2.0**power, "one of two is twice as long"),
        ]


def _pot():
    """The package POT, which nothing else needs."""
    try:
        import ot
    except ImportError:
        raise InputError("soft_matching needs the package POT, which is not installed; pip install POT") from None
    return ot


@hookimpl
def simbench_indices():
    return [SoftMatching()]
