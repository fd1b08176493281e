"""R2_LR: the share of the variance of b that a linear regression on a explains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simbench import Claims, Index, KnownAnswer, hookimpl, invariant

if TYPE_CHECKING:
    from torch import Tensor

    from simbench import Moments


@dataclass(frozen=True)
class R2LR(Index):
    """R2_LR(A -> B) = 1 - min_M ||A M - B||_F^2 / ||B||_F^2 = ||Q_A^T B||_F^2 / ||B||_F^2.

    It runs a -> b: b is predicted from a, as in the least squares stitch. (The authors' code predicts its first
    argument from its second.)
    centred: True fits an intercept and measures b about its mean (Kornblith et al. 2019, eq. 5); False is definition
        6.1 of the paper, on uncentred matrices.
    """

    centred: bool = True

    name = "r2_lr"
    source = "Csiszarik et al. 2021, definition 6.1; Kornblith et al. 2019, eq. 5"

    @property
    def claims(self) -> Claims:
        moved = ("translation",) if self.centred else ()
        return Claims(
            invariances_a=invariant("linear", *moved), invariances_b=invariant("orthogonal", "scaling", *moved)
        )

    def from_moments(self, m: Moments) -> Tensor:
        m = (m if self.centred else m.uncentred()).defined()
        return (m.cross(m.a.whitened, None).square().sum() / m.b.total).clamp_max(1)

    def degenerate(self, m: Moments) -> str | None:
        m = m if self.centred else m.uncentred()
        rank = m.a.whitened.rank
        if rank >= m.degrees:
            return f"a has rank {rank} on {m.n} rows: any b is explained"
        return None

    def known_answers(self) -> list[KnownAnswer]:
        import torch

        square = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
        x, y = square[:, :1], square[:, 1:]
        mixed = torch.cat([x + 2 * y, 3 * x], 1)
        moved = square[:, :1] + 1
        return [
            KnownAnswer(x, mixed, 10 / 14, "b = (x + 2y, 3x), a = x orthogonal to y: (1 + 9) / (1 + 4 + 9)"),
            KnownAnswer(
                moved,
                torch.ones(4, 1) + x * 2,
                1.0 if self.centred else 0.9,
                "a = 1 + x, b = 1 + 2x: exact with an intercept, else (a.b)^2 / (a.a b.b) = 12^2 / (8 * 20)",
            ),
        ]


@hookimpl
def simbench_indices():
    return [R2LR()]
