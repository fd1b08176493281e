"""Distances between the persistence diagrams of two point clouds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from simbench import Claims, Index, KnownAnswer, Undefined, hookimpl, invariant, number

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Persistence(Index):
    """d(D(A), D(B)) of the Vietoris-Rips persistence diagrams of the rows, which are scaled so that the 0.9 quantile of
    their distances is 1.

    dimension: of the homology; 0 compares clusters, 1 loops.
    distance: "wasserstein" is the smallest sum of max(|birth - birth'|, |death - death'|) over all matchings, in which
        a point may be matched to the diagonal (Cohen-Steiner, Edelsbrunner, Harer and Mileyko 2010, with p = 1).
        "bottleneck" has the largest of these in place of the sum (Cohen-Steiner, Edelsbrunner and Harer 2007).

    Undefined where so many rows are equal that the quantile is 0.
    """

    dimension: int = number(1, least=0, most=1)
    distance: Literal["wasserstein", "bottleneck"] = "wasserstein"

    name = "persistence"
    source = "Cohen-Steiner et al. 2007 (bottleneck), 2010 (Wasserstein)"
    max_rows: ClassVar[int | None] = 500
    slow = "persistent homology of every side, and an assignment of bars for every pair"

    @property
    def claims(self) -> Claims:
        same = invariant("orthogonal", "scaling", "translation", "rows")
        return Claims(-1, True, (0.0, float("inf")), same, same)

    def prepare(self, rows: Tensor) -> Tensor:
        """(k, 2) births and deaths."""
        import torch

        from simbench_topology.barcodes import bars, scaled

        if len(rows) < 2:
            raise Undefined(f"has {len(rows)} rows; at least 2 are needed")
        return torch.from_numpy(bars(scaled(rows), self.dimension))

    def compare(self, a: Tensor, b: Tensor) -> Tensor:
        import torch

        left, right = a.cpu().numpy(), b.cpu().numpy()
        if self.distance == "bottleneck":
            from gudhi import bottleneck_distance

            return torch.tensor(bottleneck_distance(left, right, 0.0), dtype=torch.float64)
        from gudhi.wasserstein import wasserstein_distance

        value = wasserstein_distance(left, right, order=1.0, internal_p=float("inf"), keep_essential_parts=False)
        return torch.tensor(float(value), dtype=torch.float64)

    def known_answers(self) -> list[KnownAnswer]:
        import torch

        square = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]], dtype=torch.float64)
        if self.dimension == 1:
            line = torch.arange(4.0, dtype=torch.float64)[:, None]
            why = "a square, whose loop lives from 1 / sqrt 2 to 1, against a line without a loop: half its life"
            return [KnownAnswer(square, line, (1 - 0.5**0.5) / 2, why)]
        one, other = torch.tensor([[0.0], [1.0], [3.0]]).double(), torch.tensor([[0.0], [1.5], [3.0]]).double()
        value = 1 / 6 if self.distance == "bottleneck" else 1 / 3
        return [KnownAnswer(one, other, value, "clusters that merge at 1/3 and 2/3 against two that merge at 1/2")]


@hookimpl
def simbench_indices():
    return [Persistence()]
