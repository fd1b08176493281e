"""Procrustes and generalised shape distances: how far apart two representations are after the best rotation."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, pi
from typing import TYPE_CHECKING, Literal

from simbench import Claims, Index, KnownAnswer, hookimpl, invariant, number

if TYPE_CHECKING:
    from simbench_plugins.indices.alignment import Alignment
    from torch import Tensor

    from simbench import Moments

#: form -> (direction, range) of what is made of the cosine and the distance after alignment.
FORMS = {"cosine": (1, (0.0, 1.0)), "angular": (-1, (0.0, pi / 2)), "squared": (-1, (0.0, 2.0))}


@dataclass(frozen=True)
class Procrustes(Index):
    """c = ||A^T B||_* / (||A||_F ||B||_F) = max_Q <A Q, B> / (||A||_F ||B||_F) over orthogonal Q, of centred A, B.

    The narrower side is padded with columns of zeros. ||.||_* is the sum of singular values.
    form: "cosine" is c; "angular" arccos c, a metric (Williams et al. 2021); "squared" the squared distance
        min_Q ||A Q / ||A|| - B / ||B|| ||_F^2 = 2 - 2 c (Ding et al. 2021), of which other codes report the
        root, or the half 1 - c; all these order pairs alike. "size_and_shape" is min_Q ||A Q - B||_F of matrices that
        are not scaled, a metric (Williams et al. 2021), in the units of the activations times sqrt(n).
    centred: False measures about zero.

    Undefined where a side does not vary.
    """

    form: Literal["cosine", "angular", "squared", "size_and_shape"] = "cosine"
    centred: bool = True

    name = "procrustes"
    source = "Williams et al. 2021, shape distances under rotations; Ding et al. 2021, orthogonal Procrustes"

    @property
    def claims(self) -> Claims:
        direction, bounds = FORMS.get(self.form, (-1, (0.0, inf)))
        names = {"orthogonal", "scaling", "translation"}
        names -= {"scaling"} if self.form == "size_and_shape" else set()
        kept = invariant(*(names if self.centred else names - {"translation"}))
        # At A = B, distances and angles have no slope.
        smooth = self.form in ("cosine", "squared")
        return Claims(direction, True, bounds, kept, kept, smooth)

    def from_moments(self, m: Moments) -> Tensor:
        from simbench_plugins.indices.alignment import Alignment

        alignment = Alignment.of((m if self.centred else m.uncentred()).defined())
        return alignment.distance if self.form == "size_and_shape" else formed(alignment, self.form)

    def known_answers(self) -> list[KnownAnswer]:
        from math import acos

        a, b = _square()
        c = 16 / (8 * 40) ** 0.5
        value = {"cosine": c, "angular": acos(c), "squared": 2 - 2 * c, "size_and_shape": 4.0}[self.form]
        narrow = {"cosine": 0.5**0.5, "angular": pi / 4, "squared": 2 - 2**0.5, "size_and_shape": 2.0}[self.form]
        return [
            KnownAnswer(a, b, value, "corners of a square against a rectangle: the cosine is (4 + 12) / sqrt(8 * 40)"),
            KnownAnswer(a, a[:, :1], narrow, "two directions of one length against one of them: 4 / sqrt(8 * 4)"),
            KnownAnswer(a[:, 1:], a, narrow, "one of two directions of one length against both"),
        ]


@dataclass(frozen=True)
class Shape(Index):
    """Generalised shape metric: the angle, after the best rotation, between partially whitened A Z_A and B Z_B.

    Z = V diag(alpha + (1 - alpha) / sqrt(lambda)) V^T with eigenvalues lambda and eigenvectors V of A^T A, centred and
    not divided by the number of rows. Directions that do not exceed rounding errors are left out.
    alpha: 1 is the angular Procrustes distance; 0 whitens completely, arccos(sum rho / sqrt(rank_a rank_b)) of the
        canonical correlations rho, for any linear map of either side. In between, the value depends on the scale of the
        activations, because alpha is compared with 1 / sqrt(lambda).
    form: "angular", or "euclidean" min_Q ||A Z_A Q - B Z_B||_F, where Z is scaled so that ||A Z_A|| = ||A||.
    centred: False measures about zero.

    The authors' package also whitens columns of zeros that it pads with; here these stay zero.
    Undefined where a side does not vary.
    """

    alpha: float = number(1.0, least=0, most=1)
    form: Literal["angular", "euclidean"] = "angular"
    centred: bool = True

    name = "shape"
    source = "Williams et al. 2021, generalised shape metrics with partial whitening"

    @property
    def claims(self) -> Claims:
        names = {"linear" if self.alpha == 0 and self.form == "angular" else "orthogonal"}
        names |= {"scaling"} if self.alpha in (0, 1) and self.form == "angular" else set()
        kept = invariant(*names, *(("translation",) if self.centred else ()))
        return Claims(-1, True, (0.0, pi / 2 if self.form == "angular" else inf), kept, kept)

    def from_moments(self, m: Moments) -> Tensor:
        m = (m if self.centred else m.uncentred()).defined()
        alignment = self._partially_whitened(m)
        if self.form == "angular":
            return alignment.angle
        return alignment.unit.scaled(m.a.total.sqrt(), m.b.total.sqrt()).distance

    def _partially_whitened(self, m: Moments) -> Alignment:
        from simbench_plugins.indices.alignment import Alignment

        if self.alpha == 1:
            return Alignment.of(m)
        a, b = (side.whitened if self.alpha == 0 else side.principal for side in (m.a, m.b))
        f, g = (self.alpha * basis.values.sqrt() + (1 - self.alpha) for basis in (a, b))
        return Alignment.within(m, a, b, (f * 0 + 1, g * 0 + 1) if self.alpha == 0 else (f, g))

    def degenerate(self, m: Moments) -> str | None:
        from simbench_plugins.indices.alignment import too_few_rows

        m = m if self.centred else m.uncentred()
        return too_few_rows(m, m.a.whitened.rank, m.b.whitened.rank) if self.alpha == 0 else None

    def known_answers(self) -> list[KnownAnswer]:
        from math import acos

        import torch

        square, _ = _square()
        x, y, z = square[:, 0], square[:, 1], square.prod(1)
        a, b = torch.stack([x, 3 * y], 1), torch.stack([x, 0.6 * y + 0.8 * z], 1)
        one, thrice = 2 * self.alpha + 1 - self.alpha, 6 * self.alpha + 1 - self.alpha
        c = (one + 0.6 * thrice) / (2 * (one**2 + thrice**2)) ** 0.5
        value = acos(c) if self.form == "angular" else (40 + 8 - 2 * (40 * 8) ** 0.5 * c) ** 0.5
        return [KnownAnswer(a, b, value, "lambda is 4, 36 and 4, 4, and the directions correlate by 1 and 0.6")]


def formed(alignment: Alignment, form: str) -> Tensor:
    """The cosine, angle, or squared distance of scaled rows after alignment."""
    if form == "angular":
        return alignment.angle
    return alignment.cosine if form == "cosine" else 2 - 2 * alignment.cosine


def _square() -> tuple[Tensor, Tensor]:
    """Corners of a square, and of a rectangle three times as long."""
    import torch

    a = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]], dtype=torch.float64)
    return a, a * torch.tensor([1.0, 3.0])


@hookimpl
def simbench_indices():
    return [Procrustes(), Shape()]
