"""Intrinsic multi-scale distance (Tsitsulin et al. 2020)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simbench import Claims, Index, KnownAnswer, hookimpl, invariant, number

if TYPE_CHECKING:
    from torch import Tensor

#: Scales t of the heat kernel, log-spaced as in the authors' code.
_LEAST, _MOST, _SCALES = 0.1, 10.0, 256


@dataclass(frozen=True)
class IMD(Index):
    """max_t exp(-2 (t + 1 / t)) |h_A(t) - h_B(t)| of the heat traces per row, h(t) = tr(exp(-t L)) / n.

    L (n, n): normalised Laplacian of the graph in which two rows are neighbours where one is among the k nearest of the
    other, by Euclidean distance; of equally near rows the first ones. t: 256 scales from 0.1 to 10, spaced evenly in
    their logarithm. The heat trace is exact here, from all eigenvalues; the authors estimate it by stochastic Lanczos
    quadrature, whose error is of the size of small distances. They divide by n in their code, not in equation 4.
    """

    k: int = number(5, least=1)

    name = "imd"
    source = "Tsitsulin et al. 2020, equation 4"

    @property
    def claims(self) -> Claims:
        same = invariant("orthogonal", "scaling", "translation", "rows")
        return Claims(-1, True, (0.0, math.exp(-4)), same, same)

    def prepare(self, rows: Tensor) -> Tensor:
        """(256,) heat traces per row."""
        import torch
        from simbench_plugins.indices.nearest import neighbours

        n, lists = len(rows), neighbours(rows, self.k, "euclidean")
        graph = torch.zeros(n, n, dtype=torch.float64, device=rows.device).scatter_(1, lists, 1.0)
        graph = torch.maximum(graph, graph.mT)
        root = graph.sum(1).rsqrt()
        eigenvalues = torch.linalg.eigvalsh(
            torch.eye(n, dtype=torch.float64, device=graph.device) - root[:, None] * graph * root
        )
        return torch.exp(-torch.tensor(scales(), dtype=torch.float64, device=graph.device)[:, None] * eigenvalues).mean(
            1
        )

    def compare(self, a: Tensor, b: Tensor) -> Tensor:
        import torch

        t = torch.tensor(scales(), dtype=torch.float64, device=a.device)
        return (torch.exp(-2 * (t + 1 / t)) * (a - b).abs()).amax()

    def known_answers(self) -> list[KnownAnswer]:
        if self.k != 1:
            return []
        import torch

        pairs, path = (torch.tensor([x]).double().mT for x in ([0.0, 1.0, 9.0, 10.0], [0.0, 1.0, 1.9, 2.7]))
        value = max(
            math.exp(-2 * (t + 1 / t))
            * abs((1 + math.exp(-2 * t)) / 2 - sum(math.exp(-x * t) for x in (0, 0.5, 1.5, 2)) / 4)
            for t in scales()
        )
        why = "two pairs, of eigenvalues 0, 0, 2, 2, against a path of four, of eigenvalues 0, 1/2, 3/2, 2"
        return [KnownAnswer(pairs, path, value, why, tolerance=1e-12)]


def scales() -> list[float]:
    """The scales t, in float64."""
    step = (math.log(_MOST) - math.log(_LEAST)) / (_SCALES - 1)
    return [math.exp(math.log(_LEAST) + step * i) for i in range(_SCALES)]


@hookimpl
def simbench_indices():
    return [IMD()]
