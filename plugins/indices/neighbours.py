"""Overlaps of nearest neighbours: Jaccard and mutual k-NN, which ignore their order, and three that do not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from simbench import Claims, Index, KnownAnswer, hookimpl, invariant, number

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Neighbours(Index):
    """Mean over the rows of s(N_a(i), N_b(i)), where N(i) lists the k nearest other rows of row i, nearest first.

    The row itself is no neighbour of its own. Rows that are equally near, up to rounding, stand in the order of their
    indices, so that repeated rows do no harm. Undefined on k rows or fewer.

    metric: "cosine" finds the rows with the largest cosines (Huh et al. 2024; Klabunde et al. 2025; a row of zeros has
        cosine 0 with all), "euclidean" those at the smallest distances, which also makes the value independent of
        translation.
    """

    k: int = number(10, least=1)
    metric: Literal["cosine", "euclidean"] = "cosine"

    @property
    def claims(self) -> Claims:
        moved = ("translation",) if self.metric == "euclidean" else ()
        invariances = invariant("orthogonal", "scaling", *moved)
        return Claims(symmetric=True, range=(0.0, self._most), invariances_a=invariances, invariances_b=invariances)

    @property
    def _most(self) -> float:
        """The value of identical lists."""
        return 1.0

    def prepare(self, rows: Tensor) -> Tensor:
        """(n, k) indices of the neighbours."""
        from simbench_plugins.indices.nearest import neighbours

        return neighbours(rows, self.k, self.metric)

    def known_answers(self) -> list[KnownAnswer]:
        a, b = exchanged(self.k)
        why = f"two clusters of {self.k + 1} equal rows, which exchange one row"
        return [KnownAnswer(a, b, self._exchanged(), why)]

    def _exchanged(self) -> float:
        """The value of `exchanged(k)`. Of the 2k rows that stay, k in each cluster, the lists share k - 1 rows; those
        of the two others share none.

        In the cluster with the smaller indices, the shared rows have places 2, ..., k in a and 1, ..., k - 1 in b; in
        the other they have places 2, ..., k in both.
        """
        raise TypeError(f"index {self.name!r} states no value of exchanged clusters")


@dataclass(frozen=True)
class Jaccard(Neighbours):
    """Mean of |N_a(i) & N_b(i)| / |N_a(i) | N_b(i)|, the Jaccard similarity of the neighbours (see `Neighbours`)."""

    name = "jaccard"
    source = "Schumacher et al. 2021; Klabunde et al. 2025, section 3.4"

    def compare(self, a: Tensor, b: Tensor) -> Tensor:
        import torch
        from simbench_plugins.indices.nearest import ranks

        shared = (ranks(a, b) > 0).sum(1).to(torch.float64)
        return (shared / (2 * self.k - shared)).mean()

    def _exchanged(self) -> float:
        return self.k * (self.k - 1) / (self.k + 1) ** 2


@dataclass(frozen=True)
class MutualKNN(Neighbours):
    """Mean of |N_a(i) & N_b(i)| / k, the share of neighbours in common (see `Neighbours`)."""

    name = "mutual_knn"
    source = "Huh et al. 2024 (arXiv), eq. 11"

    def compare(self, a: Tensor, b: Tensor) -> Tensor:
        import torch
        from simbench_plugins.indices.nearest import ranks

        return (ranks(a, b) > 0).to(torch.float64).mean()

    def _exchanged(self) -> float:
        return (self.k - 1) / (self.k + 1)


@dataclass(frozen=True)
class RankSimilarity(Neighbours):
    """Mean of sum_j 2 / ((1 + |r_a(j) - r_b(j)|) (r_a(j) + r_b(j))) / H, over the common neighbours j of row i.

    r(j) = 1, ..., k is the place of j in the list of row i, and H = 1 + 1/2 + ... + 1/m for m common neighbours; a row
    without any counts 0. Near neighbours weigh more. See `Neighbours` for the lists.
    """

    name = "rank_similarity"
    source = "Wang et al. 2020; Klabunde et al. 2025, section 3.4"

    def compare(self, a: Tensor, b: Tensor) -> Tensor:
        import torch
        from simbench_plugins.indices.nearest import ranks

        theirs = ranks(a, b).to(torch.float64)
        shared, own = theirs > 0, torch.arange(1, self.k + 1, device=a.device).to(torch.float64)
        scores = torch.where(shared, 2 / ((1 + (own - theirs).abs()) * (own + theirs)), 0).sum(1)
        harmonic = torch.cat([own.new_ones(1), (1 / own).cumsum(0)])  # no common neighbour: 0 / 1
        return (scores / harmonic[shared.sum(1)]).mean()

    def _exchanged(self) -> float:
        if self.k == 1:
            return 0.0
        places = range(2, self.k + 1)
        moved, still = sum(1 / (2 * place - 1) for place in places), sum(1 / place for place in places)
        return self.k * (moved + still) / sum(1 / place for place in range(1, self.k)) / (2 * self.k + 2)


@dataclass(frozen=True)
class LCSKNN(Neighbours):
    """Mean length of the longest common subsequence of N_a(i) and N_b(i) (see `Neighbours`), from 0 to k.

    normalised: True divides it by k.
    """

    normalised: bool = False

    name = "lcs_knn"
    source = "Huh et al. 2024 (arXiv), appendix B"

    @property
    def _most(self) -> float:
        return 1.0 if self.normalised else float(self.k)

    def compare(self, a: Tensor, b: Tensor) -> Tensor:
        import torch

        # longest[:, j] is the length for the first i of a and the first j of b, of all rows at once.
        longest = a.new_zeros(len(a), self.k + 1)
        for i in range(self.k):
            matched = longest[:, :-1] + (a[:, i : i + 1] == b)
            longest[:, 1:] = torch.maximum(longest[:, 1:], matched).cummax(1).values
        return longest[:, -1].to(torch.float64).mean() / (self.k if self.normalised else 1)

    def _exchanged(self) -> float:
        return self.k * (self.k - 1) / (self.k + 1) / (self.k if self.normalised else 1)


@dataclass(frozen=True)
class EditKNN(Neighbours):
    """1 - mean d(N_a(i), N_b(i)) / k, with the edit distance d of Levenshtein (1966): the fewest insertions, deletions
    and substitutions, each counted as 1, that turn one list into the other (see `Neighbours`)."""

    name = "edit_knn"
    source = "Huh et al. 2024 (arXiv), appendix B; Levenshtein 1966"

    def compare(self, a: Tensor, b: Tensor) -> Tensor:
        import torch

        # edits[:, j] is the distance of the first i of a from the first j of b, of all rows at once.
        steps = torch.arange(self.k + 1, device=a.device)
        edits = steps.expand(len(a), -1)
        for i in range(self.k):
            replaced = edits[:, :-1] + (a[:, i : i + 1] != b)
            best = torch.cat([edits[:, :1] + 1, torch.minimum(edits[:, 1:] + 1, replaced)], 1)
            edits = (best - steps).cummin(1).values + steps  # an insertion: one more than its left neighbour
        return 1 - edits[:, -1].to(torch.float64).mean() / self.k

    def _exchanged(self) -> float:
        # The list that moves by one place takes a deletion and an insertion; the other takes a substitution.
        return 1 - (min(2, self.k) + 3) / (2 * self.k + 2)


def exchanged(k: int) -> tuple[Tensor, Tensor]:
    """Rows a and b (2k + 2, 2): two clusters of k + 1 equal rows, at right angles, of which b exchanges the first rows
    of both. So in a the neighbours of a row are the other rows of its cluster, in the order of their indices."""
    import torch

    a = torch.eye(2, dtype=torch.float64).repeat_interleave(k + 1, 0)
    b = a.clone()
    b[0], b[k + 1] = a[k + 1], a[0]
    return a, b


@hookimpl
def simbench_indices():
    return [Jaccard(), MutualKNN(), RankSimilarity(), LCSKNN(), EditKNN()]
