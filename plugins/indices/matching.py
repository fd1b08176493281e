"""Distances after neurons are matched: one to one by an assignment, or softly by optimal transport."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, pi
from typing import TYPE_CHECKING, Literal

from simbench import Claims, Inapplicable, Index, InputError, KnownAnswer, hookimpl, invariant

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from simbench import Moments

#: Pivots after which the transport is given up; 2,000 by 2,000 neurons take fewer than a million.
_PIVOTS = 10**8


@dataclass(frozen=True)
class PermutationProcrustes(Index):
    """c = max_P <A P, B> / (||A||_F ||B||_F) over permutations P of the neurons, of centred A, B.

    Every neuron of the narrower side is assigned to one of the other (the narrower side is padded with columns of
    zeros); c can be negative.
    form: "cosine" is c; "angular" arccos c, a metric, which the authors' package reports; "squared" 2 - 2 c, the squared
        distance of matrices scaled to norm 1; "size_and_shape" min_P ||A P - B||_F of matrices that are not scaled.
    centred: False matches and measures about zero.

    Undefined where a side does not vary.
    """

    form: Literal["cosine", "angular", "squared", "size_and_shape"] = "cosine"
    centred: bool = True

    name = "permutation_procrustes"
    source = "Williams et al. 2021, eqs. 4 and 5, over the group of permutations"

    @property
    def claims(self) -> Claims:
        bounds = {"cosine": (-1.0, 1.0), "angular": (0.0, pi), "squared": (0.0, 4.0), "size_and_shape": (0.0, inf)}
        names = {"permutation", "scaling", "translation"}
        names -= {"scaling"} if self.form == "size_and_shape" else set()
        kept = invariant(*(names if self.centred else names - {"translation"}))
        direction, smooth = (1 if self.form == "cosine" else -1), self.form in ("cosine", "squared")
        return Claims(direction, True, bounds[self.form], kept, kept, smooth)

    def from_moments(self, m: Moments) -> Tensor:
        from simbench_plugins.indices.alignment import arc

        m = (m if self.centred else m.uncentred()).defined()
        pairs = assigned(m.ab)
        if self.form == "size_and_shape":
            return _apart(m, pairs, 1.0, 1.0)
        f, g = (1 / side.total.sqrt() for side in (m.a, m.b))
        if self.form == "angular":
            return arc(_apart(m, pairs, f, g))
        cosine = (m.ab[pairs].sum() * f * g).clamp(-1, 1)
        return cosine if self.form == "cosine" else 2 - 2 * cosine

    def known_answers(self) -> list[KnownAnswer]:
        from math import acos

        import torch

        x, y = _signs()[:2]
        a, turned = torch.stack([x, y], 1), torch.stack([x + y, x - y], 1) * 0.5**0.5
        answers = []
        for b, c, size, why in (
            (torch.stack([3 * y, x], 1), 16 / (8 * 40) ** 0.5, 4.0, "two neurons exchanged, one of them times 3"),
            (turned, 0.5**0.5, (16 - 16 * 0.5**0.5) ** 0.5, "two neurons rotated by 45 degrees"),
            (x[:, None], 0.5**0.5, 2.0, "two neurons against one of them"),
        ):
            value = {"cosine": c, "angular": acos(c), "squared": 2 - 2 * c, "size_and_shape": size}[self.form]
            answers.append(KnownAnswer(a, b, value, why))
        return answers


@dataclass(frozen=True)
class SoftMatching(Index):
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
    source = "Khosla and Williams 2024, section 2"

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

        m = (m if self.centred else m.uncentred()).defined()
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

        ot, numbers = _pot(), _numbers(cost)
        p, q = numbers.shape
        numbers = numbers / max(abs(numbers).max(), 1e-300)
        plan, log = ot.emd(ot.unif(p), ot.unif(q), numbers, numItermax=_PIVOTS, log=True)
        if log["warning"]:
            raise Inapplicable(f"the transport of {p} neurons to {q} has no exact plan: {log['warning']}")
        return torch.from_numpy(plan).to(cost.device)

    def known_answers(self) -> list[KnownAnswer]:
        import torch

        x, y, z = _signs()
        power = 0.5 if self.form == "distance" else 1
        alike = self.form == "correlation"
        a = torch.stack([x, y], 1)
        return [
            KnownAnswer(
                x[:, None], a, 1 / 2 if alike else 4.0**power, "one neuron goes to itself and to another by halves"
            ),
            KnownAnswer(
                a,
                torch.stack([z, y, x], 1),
                2 / 3 if alike else (8 / 3) ** power,
                "two neurons against three: two thirds stay, one third goes to an orthogonal neuron",
            ),
            KnownAnswer(a, torch.stack([2 * y, x], 1), 1.0 if alike else 2.0**power, "one of two is twice as long"),
        ]


def assigned(gains: Tensor) -> tuple[Tensor, Tensor]:
    """(min(p, q),) rows and columns of gains (p, q), each at most once, whose sum is largest."""
    import torch
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(_numbers(gains), maximize=True)
    return torch.from_numpy(rows).to(gains.device), torch.from_numpy(columns).to(gains.device)


def _apart(m: Moments, pairs: tuple[Tensor, Tensor], f: Tensor | float, g: Tensor | float) -> Tensor:
    """||A P f - B g||_F of matched neurons, the others against zeros; all digits where the rows are stored."""
    import torch
    from simbench_plugins.indices.alignment import root

    i, j = pairs
    if m.a.rows is None or m.b.rows is None:
        sizes = m.a.total * f**2 + m.b.total * g**2
        return root(sizes - 2 * m.ab[i, j].sum() * f * g, sizes, len(i))
    alone = [
        scale * torch.linalg.vector_norm(side.rows[:, ~torch.zeros_like(side.alive).index_fill(0, k, True)])
        for side, k, scale in ((m.a, i, f), (m.b, j, g))
    ]
    apart = torch.linalg.vector_norm(m.a.rows[:, i] * f - m.b.rows[:, j] * g)
    return torch.linalg.vector_norm(torch.stack([apart, *alone]))


def _numbers(x: Tensor) -> np.ndarray:
    return x.detach().cpu().numpy()


def _pot():
    """The package POT, which nothing else needs."""
    try:
        import ot
    except ImportError:
        raise InputError("soft_matching needs the package POT, which is not installed; pip install POT") from None
    return ot


def _signs() -> Tensor:
    """Three neurons over 4 rows, orthogonal, of mean 0 and squared length 4."""
    import torch

    return torch.tensor([[1.0, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]], dtype=torch.float64)


@hookimpl
def simbench_indices():
    return [PermutationProcrustes(), SoftMatching()]
