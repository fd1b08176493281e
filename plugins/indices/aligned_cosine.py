"""Aligned cosine similarity: do single inputs lie in the same direction, after the best rotation?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simbench import Claims, Index, KnownAnswer, Undefined, hookimpl, invariant

if TYPE_CHECKING:
    from torch import Tensor

#: Rows shorter than this share of the longest have no direction but that of rounding errors.
_SHORTEST = 1e-14


@dataclass(frozen=True)
class AlignedCosine(Index):
    """Mean over rows of cos(A_i Q, B_i), Q the orthogonal map that minimises ||A Q - B||_F.

    The narrower side is padded with columns of zeros. Rows that are zero on either side are left out, as elsewhere.
    centred: True subtracts the mean row of each side first; the authors do not.

    Where A^T B has fewer singular values than both sides have directions, Q, and thus the value, is not unique.
    Undefined where all rows of a side are zero, or no row is non-zero on both sides.
    """

    centred: bool = False

    name = "aligned_cosine"
    source = "Hamilton et al. 2016, alignment by Procrustes; Klabunde et al. 2025, aligned cosine similarity"

    @property
    def claims(self) -> Claims:
        kept = invariant("orthogonal", "scaling", *(("translation",) if self.centred else ()))
        return Claims(1, True, (-1.0, 1.0), kept, kept)

    def prepare(self, rows: Tensor) -> dict[str, Tensor]:
        """`rows`: (n, min(n, p)) with the inner products of the rows, each of length 1, or 0 where it has no direction;
        `lengths`: (n, 1) theirs, the longest 1."""
        import torch
        from simbench_plugins.indices.alignment import narrow

        from simbench.moments import rounding_only

        rows = rows.to(torch.float64)
        if self.centred:
            if rounding_only(rows):
                raise Undefined("has no rows that differ by more than rounding")
            rows = rows - rows.mean(0)
            rows = rows - rows.mean(0)
        largest = rows.abs().amax()
        if not bool(largest > 0):
            raise Undefined("has no row that is not zero")
        rows = narrow(rows / largest)
        lengths = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
        lengths = lengths / lengths.amax()
        directed = lengths > _SHORTEST
        rows = torch.where(directed, rows / torch.linalg.vector_norm(rows, dim=1, keepdim=True), 0)
        return {"rows": rows, "lengths": torch.where(directed, lengths, 0)}

    def compare(self, a: dict[str, Tensor], b: dict[str, Tensor]) -> Tensor:
        from simbench_plugins.indices.alignment import Alignment

        alignment = Alignment.between(*(side["rows"] * side["lengths"] for side in (a, b)))
        x, y = (side["rows"] for side in ((a, b) if a["rows"].shape[1] <= b["rows"].shape[1] else (b, a)))
        known = ((a["lengths"] > 0) & (b["lengths"] > 0)).sum()
        if not bool(known > 0):
            raise Undefined("no row is non-zero in both a and b")
        return ((x @ alignment.map * y).sum() / known).clamp(-1, 1)

    def known_answers(self) -> list[KnownAnswer]:
        import torch

        a = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]], dtype=torch.float64)
        b = a * torch.tensor([1.0, 3.0])
        return [
            KnownAnswer(a, b, 4 / 20**0.5, "corners of a square against a rectangle: (1 + 3) / sqrt(2 * 10) for all"),
            KnownAnswer(b.flip(1) * -2, a, 4 / 20**0.5, "the rectangle turned over and twice as large"),
            KnownAnswer(a, a[:, 1:], 0.5**0.5, "two directions of one length against one of them"),
        ]


@hookimpl
def simbench_indices():
    return [AlignedCosine()]
