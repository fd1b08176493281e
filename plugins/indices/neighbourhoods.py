"""Similarities within neighbourhoods: CKNNA and the second-order cosine similarity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from simbench import Claims, Index, KnownAnswer, Undefined, hookimpl, invariant, number

if TYPE_CHECKING:
    from torch import Tensor

_INVARIANCES = invariant("orthogonal", "scaling")


@dataclass(frozen=True)
class CKNNA(Index):
    """Centred kernel nearest-neighbour alignment: h(K, L) / sqrt(h(K, K) h(L, L)) of the matrices of cosines K, L.

    h counts only pairs of row i and row j of which j is among the k nearest other rows of i on both sides (for h(K, K),
    on side a alone; for the lists see `Neighbours` with metric=cosine).

    estimator: "centred" is sum_ij (K_ij - mean_l K_il) (L_ij - mean_l L_il) over these pairs, with means over all rows
        l (Huh et al. 2024, eqs. 16 to 18). "unbiased" is what the authors' code computes by default, the unbiased HSIC
        (Song et al. 2012, eq. 5) of K and L with all other entries set to 0. These matrices are not symmetric, and so
        s(A, B) is not s(B, A); the value can exceed 1, since the pairs of h(K, L) are not those of h(K, K). The code
        also adds 1e-6 to the denominator.

    Undefined on k rows or fewer, and where h(K, K) does not exceed rounding errors, or is negative for "unbiased".
    """

    k: int = number(10, least=1)
    estimator: Literal["centred", "unbiased"] = "centred"

    name = "cknna"
    source = "Huh et al. 2024 (arXiv), eq. 18"

    @property
    def claims(self) -> Claims:
        low, high = (-1.0, 1.0) if self.estimator == "centred" else (-float("inf"), float("inf"))
        centred = self.estimator == "centred"
        return Claims(1, centred, (low, high), _INVARIANCES, _INVARIANCES, reflexive=centred)

    def prepare(self, rows: Tensor) -> dict[str, Tensor]:
        """The kernel (n, n), centred where the estimator is; the neighbours (n, k); and h(K, K), 0-dim."""
        from simbench_plugins.indices.nearest import cosines, nearest, rounding

        if self.estimator == "unbiased" and len(rows) < 4:
            raise Undefined(f"has {len(rows)} rows; the unbiased HSIC takes at least 4")
        kernel = cosines(rows)
        lists = nearest(-kernel, self.k, rounding(rows))
        if self.estimator == "centred":
            kernel = kernel - kernel.mean(1, keepdim=True)
        values = kernel.gather(1, lists)
        own = self._aligned(values, values, lists)
        # Every term of h(K, K) is a square of a cosine, or a product of two.
        if not bool(own > 4 * values.numel() * rounding(rows) ** 2):
            raise Undefined(f"has neighbours whose similarities have an alignment of {float(own):.3g} with themselves")
        return {"kernel": kernel, "neighbours": lists, "own": own}

    def compare(self, a: dict[str, Tensor], b: dict[str, Tensor]) -> Tensor:
        from simbench_plugins.indices.nearest import ranks

        lists = a["neighbours"]
        shared = ranks(lists, b["neighbours"]) > 0
        values = [side["kernel"].gather(1, lists) * shared for side in (a, b)]
        value = self._aligned(*values, lists) / a["own"].sqrt() / b["own"].sqrt()
        return value.clamp(-1, 1) if self.estimator == "centred" else value

    def _aligned(self, left: Tensor, right: Tensor, lists: Tensor) -> Tensor:
        """h of two matrices (n, n) that hold left and right (n, k) in the columns `lists` (n, k), and 0 elsewhere."""
        if self.estimator == "centred":
            return (left * right).sum()
        n = len(lists)
        # tr(M N) pairs entry (i, j) of one with entry (j, i) of the other.
        matrix = left.new_zeros(n, n).scatter_(1, lists, right)
        opposite = matrix[lists, lists.new_tensor(range(n))[:, None]]
        columns = left.new_zeros(n).scatter_add_(0, lists.flatten(), left.flatten())
        chain, total = columns @ right.sum(1), left.sum() * right.sum()
        trace = (left * opposite).sum()
        return (trace + total / ((n - 1) * (n - 2)) - 2 * chain / (n - 2)) / (n * (n - 3))

    def known_answers(self) -> list[KnownAnswer]:
        if self.estimator != "centred":
            return []
        from simbench_plugins.indices.neighbours import exchanged

        a, b = exchanged(self.k)
        why = f"two clusters of {self.k + 1} equal rows, which exchange one row: all K_ij - mean_l K_il are 1 / 2"
        return [KnownAnswer(a, b, (self.k - 1) / (self.k + 1), why)]


@dataclass(frozen=True)
class SecondOrderCosine(Index):
    """Mean over the rows i of cos(s_a(i), s_b(i)), where s(i) holds the cosines of row i with all rows that are among
    its k nearest other rows on side a or on side b (for the lists see `Neighbours` with metric=cosine).

    vectors: what s(i) holds; "distances" are 1 minus the cosines, as in the code of Klabunde et al. (2025).

    A vector of zeros (of a row of zeros, for example) has cosine 0 with others and 1 with another one of zeros.
    Undefined on k rows or fewer.
    """

    k: int = number(10, least=1)
    vectors: Literal["similarities", "distances"] = "similarities"

    name = "second_order_cosine"
    source = "Hamilton et al. 2016, local neighbourhood measure; Klabunde et al. 2025, section 3.4"

    @property
    def claims(self) -> Claims:
        low = -1.0 if self.vectors == "similarities" else 0.0
        return Claims(symmetric=True, range=(low, 1.0), invariances_a=_INVARIANCES, invariances_b=_INVARIANCES)

    def prepare(self, rows: Tensor) -> dict[str, Tensor]:
        """What s(i) is taken from, (n, n), the neighbours (n, k), and the rounding error of the former, 0-dim."""
        import torch
        from simbench_plugins.indices.nearest import cosines, nearest, rounding, unit_rows

        values, error = cosines(rows), rounding(rows)
        lists = nearest(-values, self.k, error)
        if self.vectors == "distances":  # half the squared distance of rows of length 1, so that no digits cancel
            unit = unit_rows(rows)
            apart = torch.cdist(unit, unit, compute_mode="donot_use_mm_for_euclid_dist")
            empty = (unit == 0).all(1)  # a row of zeros is at distance 1
            values = torch.where(empty | empty[:, None], 1, apart.square() / 2)
        return {"values": values, "neighbours": lists, "rounding": values.new_tensor(error)}

    def compare(self, a: dict[str, Tensor], b: dict[str, Tensor]) -> Tensor:
        import torch
        from simbench_plugins.indices.nearest import ranks

        near_a, near_b = a["neighbours"], b["neighbours"]
        union = torch.cat([near_a, near_b], 1)
        once = torch.cat([torch.ones_like(near_a), ranks(near_b, near_a) == 0], 1)
        vectors = [side["values"].gather(1, union) * once for side in (a, b)]
        units, empty = [], []
        for vector, side in zip(vectors, (a, b), strict=True):
            size = torch.linalg.vector_norm(vector, dim=1, keepdim=True)
            nothing = size <= side["rounding"] * union.shape[1] ** 0.5
            units.append(torch.where(nothing, 0, vector / torch.where(nothing, 1, size)))
            empty.append(nothing[:, 0])
        return torch.where(empty[0] & empty[1], 1, (units[0] * units[1]).sum(1)).mean().clamp(-1, 1)

    def known_answers(self) -> list[KnownAnswer]:
        from simbench_plugins.indices.neighbours import exchanged

        a, b = exchanged(self.k)
        why = f"two clusters of {self.k + 1} equal rows, which exchange one row"
        # A row that stays has k - 1 cosines of 1 in common, and one more on each side; another row has none in common.
        # Its distances are 1 for one row on each side, another one, and 0 for the others.
        return [KnownAnswer(a, b, (self.k - 1) / (self.k + 1) if self.vectors == "similarities" else 0.0, why)]


@hookimpl
def simbench_indices():
    return [CKNNA(), SecondOrderCosine()]
