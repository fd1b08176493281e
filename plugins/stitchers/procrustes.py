"""Orthogonal matching."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simbench import Stitcher, hookimpl

if TYPE_CHECKING:
    from simbench import Affine, Moments


@dataclass(frozen=True)
class Procrustes(Stitcher):
    """M = U V^T from the singular value decomposition A^T B = U S V^T (paper, section 4.2).

    The minimiser of ||A M - B||_F over matrices with orthonormal rows (p <= q; for p = q the orthogonal
    group). For p > q the columns are orthonormal, and M maximises <A M, B> instead.
    bias: True centres both sides and maps mean to mean; False is the paper's uncentred problem.
    """

    bias: bool = True

    name = "procrustes"
    source = "Csiszarik et al. 2021, section 4.2; Golub and Van Loan 2013, section 6.4.1"

    @property
    def family(self) -> str:
        return "orthogonal"

    def from_moments(self, m: Moments) -> Affine:
        import torch

        m = m if self.bias else m.uncentred()
        left, _, right = torch.linalg.svd(m.ab, full_matrices=False)
        return m.mean_to_mean(left @ right, self.bias)


@hookimpl
def simbench_stitchers():
    return [Procrustes()]
