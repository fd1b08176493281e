"""Distances between the n x n kernel matrices of two representations: Bures, and the normalised Bures similarity."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from simbench import Claims, Index, KnownAnswer, hookimpl, invariant

if TYPE_CHECKING:
    from torch import Tensor

    from simbench import Moments


@dataclass(frozen=True)
class Bures(Index):
    """sqrt(tr K + tr L - 2 F), F = tr (K^1/2 L K^1/2)^1/2 the fidelity of K = A A^T and L = B B^T, centred.

    It equals the Procrustes distance of size and shape, because F is the sum of the singular values of A^T B (Harvey et
    al. 2024): K and L are never formed.
    squared: True omits the root.
    centred: False takes rows about zero.

    Undefined where a side does not vary.
    """

    squared: bool = False
    centred: bool = True

    name = "bures"
    source = "Harvey et al. 2024, Bures distance"

    @property
    def claims(self) -> Claims:
        kept = invariant("orthogonal", *(("translation",) if self.centred else ()))
        return Claims(-1, True, (0.0, inf), kept, kept, self.squared)

    def from_moments(self, m: Moments) -> Tensor:
        from simbench_plugins.indices.alignment import Alignment

        alignment = Alignment.of((m if self.centred else m.uncentred()).defined())
        if not self.squared:
            return alignment.distance
        return (sum(alignment.sizes) - 2 * alignment.fit).clamp_min(0)

    def known_answers(self) -> list[KnownAnswer]:
        a, b = _crossed()
        power = 1 if self.squared else 0.5
        return [
            KnownAnswer(
                a, b, 16.0**power, "kernels that commute, with eigenvalues 4, 4 and 4, 36: 8 + 40 - 2 (4 + 12)"
            ),
            KnownAnswer(a[:, :1], a[:, 1:], 8.0**power, "kernels of orthogonal rows: 4 + 4"),
        ]


@dataclass(frozen=True)
class NBS(Index):
    """Normalised Bures similarity: tr (K^1/2 L K^1/2)^1/2 / sqrt(tr K tr L) of K = A A^T and L = B B^T, centred.

    It equals the Procrustes cosine (Harvey et al. 2024): K and L are never formed.
    centred: False takes rows about zero.

    Undefined where a side does not vary.
    """

    centred: bool = True

    name = "nbs"
    source = "Harvey et al. 2024, normalised Bures similarity; Tang et al. 2020"

    @property
    def claims(self) -> Claims:
        kept = invariant("orthogonal", "scaling", *(("translation",) if self.centred else ()))
        return Claims(1, True, (0.0, 1.0), kept, kept, True)

    def from_moments(self, m: Moments) -> Tensor:
        from simbench_plugins.indices.alignment import Alignment

        return Alignment.of((m if self.centred else m.uncentred()).defined()).cosine

    def known_answers(self) -> list[KnownAnswer]:
        a, b = _crossed()
        return [
            KnownAnswer(a, b, 16 / (8 * 40) ** 0.5, "kernels that commute, with eigenvalues 4, 4 and 4, 36"),
            KnownAnswer(a[:, :1], a[:, 1:], 0.0, "kernels of orthogonal rows"),
        ]


def _crossed() -> tuple[Tensor, Tensor]:
    """Corners of a square, and of a rectangle three times as long, in the other order of its sides."""
    import torch

    a = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]], dtype=torch.float64)
    return a, (a * torch.tensor([1.0, 3.0])).flip(1)


@hookimpl
def simbench_indices():
    return [Bures(), NBS()]
