"""Distances between what linear regressions on two representations can predict: GULP, and the eigenspace overlap."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Literal

from simbench import Claims, Index, KnownAnswer, hookimpl, invariant, number

if TYPE_CHECKING:
    from torch import Tensor

    from simbench import Moments


@dataclass(frozen=True)
class GULP(Index):
    """d = ||H_a - H_b||_F, where H (n x n) maps a target on the rows to its ridge predictions from one side.

    d^2 = tr(P_a P_a) + tr(P_b P_b) - 2 tr(R_a S_ab R_b S_ba) with R = (S + strength I)^-1 and P = R S, of covariances
    divided by n; both sides are centred, and scaled so that the trace of their covariance is 1.
    strength: of the ridge penalty, the paper's lambda. 0 omits it, so that d^2 = rank_a + rank_b - 2 sum rho^2 of the
        canonical correlations rho, for any linear map of either side. (The default is that of the paper's first figure;
        codes have 0.)
    squared: True is d^2, which the authors' code and others return.

    Undefined where a side does not vary.
    """

    strength: float = number(0.01, least=0.0)
    squared: bool = False

    name = "gulp"
    source = "Boix-Adsera et al. 2022, definition 1"

    @property
    def claims(self) -> Claims:
        kept = invariant("scaling", "translation", "orthogonal" if self.strength else "linear")
        return Claims(-1, True, (0.0, inf), kept, kept)

    def from_moments(self, m: Moments) -> Tensor:
        import torch
        from simbench_plugins.indices.alignment import root

        m = m.defined()
        if self.strength:
            a, b = m.a.principal, m.b.principal
            f, g = (self._shrinkage(x.values / side.total) for x, side in ((a, m.a), (b, m.b)))
        else:
            a, b = m.a.whitened, m.b.whitened
            f, g = torch.ones_like(a.values), torch.ones_like(b.values)
        if a.scores is not None and b.scores is not None:
            # H_a - H_b in the directions that either side has.
            both = torch.linalg.qr(torch.cat([a.scores * f.sqrt(), b.scores * g.sqrt()], 1), mode="r").R
            x, y = both[:, : len(f)], both[:, len(f) :]
            distance = torch.linalg.matrix_norm(x @ x.mT - y @ y.mT)
        else:
            own = f.square().sum() + g.square().sum()
            distance = root(own - 2 * (f @ m.cross(a, b).square() @ g), own, len(f) + len(g))
        return distance.square() if self.squared else distance

    def _shrinkage(self, variances: Tensor) -> Tensor:
        """Of predictions along principal directions of these variances, which sum to 1."""
        return variances / (variances + self.strength)

    def degenerate(self, m: Moments) -> str | None:
        from simbench_plugins.indices.alignment import too_few_rows

        return None if self.strength else too_few_rows(m, m.a.whitened.rank, m.b.whitened.rank)

    def known_answers(self) -> list[KnownAnswer]:
        import torch

        x, y, _ = _orthogonal()
        one, half, power = 1 / (1 + self.strength), 0.5 / (0.5 + self.strength), 1 if self.squared else 0.5
        both = torch.stack([x, 3 * y], 1)
        return [
            KnownAnswer(x[:, None], y[:, None], (2 * one**2) ** power, "one feature each, orthogonal: 2 P^2"),
            KnownAnswer(
                torch.stack([x, y], 1),
                5 * x[:, None] + 1,
                (half**2 + (half - one) ** 2) ** power,
                "two features of variance 1/2 against one of them of variance 1",
            ),
            KnownAnswer(both, both.flip(1), 0.0, "the same features in another order: both sides divide by n"),
        ]


@dataclass(frozen=True)
class EigenspaceOverlap(Index):
    """||U_a^T U_b||_F^2 / max(rank_a, rank_b), U the left singular vectors of A and of B, not centred.

    The share of directions over the inputs that both sides can express.
    divide: "rank" divides by the larger rank after dead directions are cut (the paper's matrices have full rank);
        "width" by the larger number of features, so that dead or repeated features lower the overlap of a side with
        itself.

    Undefined where a side is zero. Where rank_a + rank_b exceeds the number of rows, some directions coincide for any
    data.
    """

    divide: Literal["rank", "width"] = "rank"

    name = "eigenspace_overlap"
    source = "May et al. 2019, definition 1"

    @property
    def claims(self) -> Claims:
        kept = invariant("linear")
        return Claims(1, True, (0.0, 1.0), kept, kept)

    def from_moments(self, m: Moments) -> Tensor:
        m = m.uncentred().defined()
        a, b = m.a.whitened, m.b.whitened
        most = max(a.rank, b.rank) if self.divide == "rank" else max(m.a.width, m.b.width)
        return (m.cross(a, b).square().sum() / most).clamp_max(1)

    def degenerate(self, m: Moments) -> str | None:
        from simbench_plugins.indices.alignment import too_few_rows

        m = m.uncentred()
        return too_few_rows(m, m.a.whitened.rank, m.b.whitened.rank)

    def known_answers(self) -> list[KnownAnswer]:
        import torch

        x, y, z = _orthogonal()
        a, b = torch.stack([x, y], 1), torch.stack([z, x + y, x - 2 * y], 1)
        half = torch.stack([x, y, 2 * x], 1)
        return [
            KnownAnswer(a, b, 2 / 3, "a plane within a space of three dimensions"),
            KnownAnswer(b[:, :1], a, 0.0, "a line orthogonal to a plane"),
            KnownAnswer(a, half, 1.0 if self.divide == "rank" else 2 / 3, "a plane against itself, one feature twice"),
        ]


def _orthogonal() -> tuple[Tensor, Tensor, Tensor]:
    """Three orthogonal features over 4 rows, of mean 0."""
    import torch

    x, y, z = torch.tensor([[1.0, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]], dtype=torch.float64)
    return x, y, z


@hookimpl
def simbench_indices():
    return [GULP(), EigenspaceOverlap()]
