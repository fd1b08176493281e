"""The affine-invariant Riemannian distance between the second moments of two representations."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, log, sqrt
from typing import TYPE_CHECKING

from simbench import Claims, Index, KnownAnswer, hookimpl, invariant, number

if TYPE_CHECKING:
    from torch import Tensor

    from simbench import Moments


@dataclass(frozen=True)
class Riemannian(Index):
    """sqrt(sum_i log^2 lambda_i) of the n generalised eigenvalues G_a v = lambda G_b v of second moments of the rows.

    G = n K / tr K + strength I, K = A A^T of the centred rows (n x n): the length of the geodesic from G_a to G_b. An
    invertible map G -> T G T^T of both leaves it unchanged. K is singular, and the distance between the K themselves
    infinite, so that they are regularised. It is computed in the at most p + q directions that the rows of either side
    have; in all others G_a and G_b are equal up to a factor.
    strength: what is added, in units of the mean eigenvalue of K. Rounding errors grow with n / strength.
    normalised: False multiplies both G by their tr K / n, so that the scale of the activations counts. Otherwise it
        does not, as in rsatoolbox, which looks for the scale and strength of one side that minimise the distance.
    centred: False takes rows about zero.

    Undefined where a side does not vary.
    """

    strength: float = number(0.01, least=1e-6)
    normalised: bool = True
    centred: bool = True

    name = "riemannian"
    source = "Shahbazi et al. 2021, Riemannian distance of regularised second moments"

    @property
    def claims(self) -> Claims:
        names = {"orthogonal"} | ({"scaling"} if self.normalised else set())
        kept = invariant(*names, *(("translation",) if self.centred else ()))
        return Claims(-1, True, (0.0, inf), kept, kept)

    def from_moments(self, m: Moments) -> Tensor:
        import torch

        m = (m if self.centred else m.uncentred()).defined()
        x, y = _factors(m)
        floor = self.strength * torch.eye(len(x)).to(x)
        a, b = x @ x.mT + floor, y @ y.mT + floor
        logs = torch.cat([_logs_above(a, b), -_logs_above(b, a)])  # an eigenvalue near 0 has few digits
        shift = torch.zeros_like(m.a.total) if self.normalised else (m.a.total / m.b.total).log()
        return ((logs + shift).square().sum() + (m.n - len(logs)) * shift.square()).clamp_min(0).sqrt()

    def known_answers(self) -> list[KnownAnswer]:
        import torch

        a = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]], dtype=torch.float64)
        s, t = self.strength, 0.0 if self.normalised else log(8 / 40)
        logs = [log((2 + s) / (0.4 + s)) + t, log((2 + s) / (3.6 + s)) + t, t, t]
        why = "moments that commute: 4 K / tr K has eigenvalues 2, 2, 0, 0 and 0.4, 3.6, 0, 0"
        return [KnownAnswer(a, a * torch.tensor([1.0, 3.0]), sqrt(sum(x**2 for x in logs)), why)]


def _logs_above(a: Tensor, b: Tensor) -> Tensor:
    """Logarithms of the eigenvalues of b^-1 a that exceed 1, for positive definite a and b (k, k)."""
    import torch

    half = torch.linalg.cholesky(b)
    ratio = torch.linalg.solve_triangular(half, torch.linalg.solve_triangular(half, a, upper=False).mT, upper=False)
    values = torch.linalg.eigvalsh((ratio + ratio.mT) / 2)
    return values[values > 1].log()


def _factors(m: Moments) -> tuple[Tensor, Tensor]:
    """X (k, p) and Y (k, q) with n K / tr K = Q X X^T Q^T on side a and Q Y Y^T Q^T on side b, for one Q (n, k) with
    orthonormal columns."""
    import torch
    from simbench_plugins.indices.alignment import negligible

    f, g = ((m.n / side.total).sqrt() for side in (m.a, m.b))
    if m.a.rows is not None and m.b.rows is not None:
        both = torch.linalg.qr(torch.cat([m.a.rows * f, m.b.rows * g], 1), mode="r").R
    else:
        ab = m.ab * f * g
        joint = torch.cat([torch.cat([m.aa * f**2, ab], 1), torch.cat([ab.mT, m.bb * g**2], 1)])
        values, vectors = torch.linalg.eigh(joint)
        both = torch.where(negligible(values, values[-1], len(values)), 0, values).sqrt()[:, None] * vectors.mT
    return both[:, : m.a.width], both[:, m.a.width :]


@hookimpl
def simbench_indices():
    return [Riemannian()]
