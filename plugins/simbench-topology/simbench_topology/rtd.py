"""Representation Topology Divergence (Barannikov et al. 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from simbench import Claims, Index, KnownAnswer, Undefined, hookimpl, invariant

if TYPE_CHECKING:
    import numpy
    from torch import Tensor


@dataclass(frozen=True)
class RTD(Index):
    """(RTD_1(A, B) + RTD_1(B, A)) / 2: how much the topology of one point cloud changes when the other is laid over it.

    w_A, w_B (n, n): distances between the rows of a side, divided by their 0.9 quantile. RTD_1(A, B) is the sum of the
    lengths of the bars of dimension 1 of the Vietoris-Rips filtration of the (2 n + 1)-vertex graph with distances

        [[w_A, w_A+', 0], [w_A+, min(w_A, w_B), inf], [0, inf, 0]]

    (algorithm 1: the R-Cross-Barcode), where w_A+ is w_A with infinity below its diagonal.

    The authors average over ten draws of 500 rows; here the rows that the run has drawn, at most 500, are one draw.
    Undefined on fewer than 3 rows, and where so many rows are equal that the quantile is 0.
    """

    name = "rtd"
    source = "Barannikov et al. 2022, algorithms 1 and 2"
    max_rows: ClassVar[int | None] = 500
    slow = "persistent homology of 1,001 points, twice for every pair"

    @property
    def claims(self) -> Claims:
        same = invariant("orthogonal", "scaling", "translation")
        return Claims(-1, True, (0.0, float("inf")), same, same)

    def prepare(self, rows: Tensor) -> Tensor:
        """(n, n) scaled distances."""
        import torch

        from simbench_topology.barcodes import scaled

        if len(rows) < 3:
            raise Undefined(f"has {len(rows)} rows; loops need at least 3")
        return torch.from_numpy(scaled(rows))

    def compare(self, a: Tensor, b: Tensor) -> Tensor:
        import torch

        from simbench_topology.barcodes import bars, total

        a, b = a.cpu().numpy(), b.cpu().numpy()
        both = [total(bars(joined(*pair), 1)) for pair in ((a, b), (b, a))]
        return torch.tensor(sum(both) / 2, dtype=torch.float64)

    def known_answers(self) -> list[KnownAnswer]:
        import torch

        one, other = torch.tensor([[0.0], [1.0], [10.0]]).double(), torch.tensor([[0.0], [9.0], [10.0]]).double()
        why = "the point in the middle changes sides: it joins the third point at .1 in place of .9"
        return [KnownAnswer(one, 3 * one + 7, 0.0, "scaled and moved"), KnownAnswer(one, other, 0.8, why)]


def joined(a: numpy.ndarray, b: numpy.ndarray) -> numpy.ndarray:
    """(2 n + 1, 2 n + 1) distances of the graph of algorithm 1, from those (n, n) of each side."""
    import numpy as np

    n = len(a)
    above = np.where(np.tri(n, k=-1, dtype=bool), np.inf, a)
    graph = np.full((2 * n + 1, 2 * n + 1), np.inf)
    graph[:n, :n] = a
    graph[n : 2 * n, :n], graph[:n, n : 2 * n] = above, above.T
    graph[n : 2 * n, n : 2 * n] = np.minimum(a, b)
    graph[2 * n, :n] = graph[:n, 2 * n] = 0
    np.fill_diagonal(graph, 0)
    return graph


@hookimpl
def simbench_indices():
    return [RTD()]
