"""Distances after neurons are matched one to one."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, pi
from typing import TYPE_CHECKING, Literal

from simbench_plugins.indices.held_rows import OfHeldRows, few_enough

from simbench import Claims, KnownAnswer, hookimpl, invariant

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from simbench import Moments


@dataclass(frozen=True)
class PermutationProcrustes(OfHeldRows):
    """c = max_P <A P, B> / (||A||_F ||B||_F) over permutations P of the neurons, of centred A, B.

    Every neuron of the narrower side is assigned to one of the other (the narrower side is padded with columns of
    zeros); c can be negative.
    form: "cosine" is c; "angular" arccos c, a metric, which the authors' package reports; "squared" 2 - 2 c, the
        squared distance of matrices scaled to norm 1; "size_and_shape" min_P ||A P - B||_F of matrices that are not
        scaled.
    centred: False matches and measures about zero.

    Undefined where a side does not vary.
    """

    form: Literal["cosine", "angular", "squared", "size_and_shape"] = "cosine"
    centred: bool = True

    name = "permutation_procrustes"
    source = "Williams et al. 2021, shape distances under permutations"

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

        m = few_enough(m if self.centred else m.uncentred()).defined()
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

        x, y = signs()[:2]
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


def assigned(gains: Tensor) -> tuple[Tensor, Tensor]:
    """(min(p, q),) rows and columns of gains (p, q), each at most once, whose sum is largest."""
    import torch
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(numbers(gains), maximize=True)
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


def numbers(x: Tensor) -> np.ndarray:
    """x as an array for scipy and POT, on the processor and without gradient."""
    return x.detach().cpu().numpy()


def signs() -> Tensor:
    """Three neurons over 4 rows, orthogonal, of mean 0 and squared length 4."""
    import torch

    return torch.tensor([[1.0, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]], dtype=torch.float64)


@hookimpl
def simbench_indices():
    return [PermutationProcrustes()]
