"""Least squares matching with full and with reduced rank."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simbench import InputError, Stitcher, hookimpl

if TYPE_CHECKING:
    from torch import Tensor

    from simbench import Affine, Moments


@dataclass(frozen=True)
class LeastSquares(Stitcher):
    """M = A^+ B, the least norm minimiser of ||A M - B||_F (paper, eq. 2).

    bias: True also fits an intercept (the authors' code appends a column of ones); False is eq. 2.
    """

    bias: bool = True

    name = "least_squares"
    source = "Csiszarik et al. 2021, eq. 2"

    @property
    def family(self) -> str:
        return "affine" if self.bias else "linear"

    def from_moments(self, m: Moments) -> Affine:
        m = m if self.bias else m.uncentred()
        return m.mean_to_mean(_solution(m), self.bias)


@dataclass(frozen=True)
class ReducedRank(Stitcher):
    """M = M_LS V_k V_k^T, the minimiser of ||A M - B||_F among maps of rank at most k.

    V_k: the first k right singular vectors of the fitted values A M_LS (paper, section 4.2; Izenman 1975).
    rank: k. bias: as in least_squares; the intercept does not count towards the rank.
    """

    rank: int = 8
    bias: bool = True

    name = "reduced_rank"
    source = "Csiszarik et al. 2021, section 4.2; Izenman 1975"

    def __post_init__(self) -> None:
        if self.rank < 1:
            raise InputError(f"rank is {self.rank}; a whole number from 1 is allowed")

    @property
    def family(self) -> str:
        return "reduced_rank"

    def from_moments(self, m: Moments) -> Affine:
        import torch

        m = m if self.bias else m.uncentred()
        fitted = m.cross(m.a.whitened, None)  # (r, q): the fitted values in orthonormal coordinates
        _, _, directions = torch.linalg.svd(fitted, full_matrices=False)
        leading = directions[: self.rank].mT
        return m.mean_to_mean(_solution(m) @ leading @ leading.mT, self.bias)


def _solution(m: Moments) -> Tensor:
    """(p, q) least squares weight: whiten a, then the comoments of whitened a with b."""
    import torch

    basis = m.a.whitened
    weight = basis.whitening @ m.cross(basis, None)
    if basis.rank < int(m.a.alive.sum()):  # dependent features: the least norm solution lies in the row space of A
        span = torch.linalg.qr(basis.loadings).Q
        weight = span @ (span.mT @ weight)
    return weight


@hookimpl
def simbench_stitchers():
    return [LeastSquares(), ReducedRank()]
