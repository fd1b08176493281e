"""Canonical correlation analysis, and its variants SVCCA and PWCCA."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from simbench import Claims, Index, InputError, KnownAnswer, hookimpl, invariant, number

if TYPE_CHECKING:
    from torch import Tensor

    from simbench import Moments
    from simbench.moments import Basis


@dataclass(frozen=True)
class CCA(Index):
    """Mean canonical correlation, over the min(rank_a, rank_b) directions that both sides have.

    mean: "rho" is the mean correlation (Kornblith et al. 2019, eq. 8); "rho2" the mean squared
        one (their R2_CCA, eq. 7). Both divide by the smaller rank after dead directions are cut; the
        authors' code divides by the width of its first argument and does not centre.
    ridge: above 0, the correlations are those of regularised CCA, the singular values of
        (S_aa + k_a I)^-1/2 S_ab (S_bb + k_b I)^-1/2 (Vinod 1976). k is `ridge` times the mean variance of the principal
        directions, so that the value does not depend on the scale. s(A, A) is then below 1.
    """

    mean: Literal["rho", "rho2"] = "rho"
    ridge: float = number(0.0, least=0.0)

    name = "cca"
    source = "Kornblith et al. 2019, eqs. 7 and 8; Hotelling 1936; Vinod 1976"

    @property
    def claims(self) -> Claims:
        invariances = invariant("orthogonal" if self.ridge else "linear", "scaling", "translation")
        return Claims(symmetric=True, invariances_a=invariances, invariances_b=invariances, reflexive=not self.ridge)

    def from_moments(self, m: Moments) -> Tensor:
        import torch

        m = m.defined()
        if self.mean == "rho2":  # the squared singular values of a matrix add up to its squared entries
            cross = self._regularised(m) if self.ridge else m.cross(m.a.whitened, m.b.whitened)
            return (cross.square().sum() / min(cross.shape)).clamp_max(1)
        return (torch.linalg.svdvals(self._regularised(m)) if self.ridge else m.correlations).mean()

    def _regularised(self, m: Moments) -> Tensor:
        """The matrix above, in principal directions: of variance v, each side's whitened coordinates times
        sqrt(v / (v + k))."""
        shares = []
        for side in (m.a, m.b):
            values = side.principal.values
            shares.append((values / (values + self.ridge * values.mean())).sqrt())
        cross = m.cross(m.a.principal, m.b.principal)
        return shares[0][:, None] * cross * shares[1]

    def degenerate(self, m: Moments) -> str | None:
        return None if self.ridge else _too_few_rows(m, m.a.whitened.rank, m.b.whitened.rank)

    def known_answers(self) -> list[KnownAnswer]:
        a, b = _tilted()
        # All directions of both planes have the same variance, of which ridge leaves the share 1 / (1 + ridge).
        shares = [rho / (1 + self.ridge) for rho in (1.0, 0.6)]
        value = sum(share if self.mean == "rho" else share**2 for share in shares) / 2
        return [KnownAnswer(a, b, value, "planes that share one direction and are tilted by arccos 0.6 in the other")]


@dataclass(frozen=True)
class SVCCA(Index):
    """Mean canonical correlation between the leading principal components of each side.

    variance: each side keeps the fewest components whose share of the variance reaches it
        (Raghu et al. 2017, section 2.1, with 0.99). The variance is the sum of squared singular values of the centred
        matrix, and shares are divided by it once.

    A stitch changes the value, but it is not claimed to be differentiable: the number of components is discontinuous,
    and gradients through eigenvectors are infinite where two eigenvalues are equal.
    """

    variance: float = 0.99

    name = "svcca"
    source = "Raghu et al. 2017, section 2.1 and eq. 1"

    def __post_init__(self) -> None:
        if not 0 < self.variance <= 1:
            raise InputError(f"variance is {self.variance}; a share above 0 and up to 1 is allowed")

    @property
    def claims(self) -> Claims:
        # With all components it equals cca.
        invariances = invariant("linear" if self.variance == 1 else "orthogonal", "scaling", "translation")
        return Claims(symmetric=True, invariances_a=invariances, invariances_b=invariances)

    def from_moments(self, m: Moments) -> Tensor:
        return m.correlations_within(*self._truncated(m.defined())).mean()

    def _truncated(self, m: Moments) -> tuple[Basis, Basis]:
        """The truncated principal bases of both sides."""
        bases = []
        for basis in (m.a.principal, m.b.principal):
            share = basis.values.cumsum(0) / basis.values.sum()
            # A share that is too small by a rounding error counts as reached; a variance of 1 keeps everything.
            short = share < self.variance - 1e-12
            bases.append(basis if self.variance == 1 else basis.first(int(short.sum()) + 1))
        return bases[0], bases[1]

    def degenerate(self, m: Moments) -> str | None:
        a, b = self._truncated(m)
        return _too_few_rows(m, a.rank, b.rank)

    def known_answers(self) -> list[KnownAnswer]:
        import torch

        if self.variance != 0.99:
            return []
        # 12 equal directions on each side, 11 shared and one orthogonal. Correct code keeps all of them; code that
        # divides by the variance twice keeps one.
        columns = _signs(32)[:, 1:14]
        a, b = columns[:, :12], torch.cat([columns[:, 1:12], columns[:, 12:]], 1)
        return [KnownAnswer(a, b, 11 / 12, "12 equal directions each, 11 shared, one orthogonal")]


@dataclass(frozen=True)
class PWCCA(Index):
    """Canonical correlations weighted by the share of a that they account for: sum_i w_i rho_i / sum_i w_i.

    w_i = sum_j |<h_i, a_j>|, where h_i is the i-th canonical variate of a and a_j are its centred neurons (Morcos et
    al. 2018, section 2.2). The sum runs over the min(rank_a, rank_b) pairs of variates. The weights
    depend on the neurons of a, so a -> b and b -> a differ, and the value is not invariant to rotations of a. Where
    correlations are tied, the variates, and thus the value, are not unique.
    """

    name = "pwcca"
    source = "Morcos et al. 2018, section 2.2"

    @property
    def claims(self) -> Claims:
        return Claims(
            invariances_a=invariant("permutation", "scaling", "translation"),
            invariances_b=invariant("linear", "translation"),
        )

    def from_moments(self, m: Moments) -> Tensor:
        variates, rho = m.defined().canonical
        weights = (m.a.whitened.loadings @ variates).abs().sum(0)
        return (weights * rho).sum() / weights.sum()

    def degenerate(self, m: Moments) -> str | None:
        return _too_few_rows(m, m.a.whitened.rank, m.b.whitened.rank)

    def known_answers(self) -> list[KnownAnswer]:
        a, b = _tilted()
        a = a * a.new_tensor([1.0, 3.0])
        return [KnownAnswer(a, b, (1 + 3 * 0.6) / 4, "correlations 1 and 0.6 with neurons of weight 1 and 3")]


def _too_few_rows(m: Moments, kept_a: int, kept_b: int) -> str | None:
    if kept_a + kept_b > m.degrees:
        return f"{kept_a} + {kept_b} directions on {m.n} rows: some correlations are 1 for any data"
    return None


def _signs(n: int) -> Tensor:
    """(n, n) orthogonal columns of +-1 (Hadamard), the first all ones; n a power of two."""
    import torch

    signs = torch.ones(1, 1, dtype=torch.float64)
    while len(signs) < n:
        signs = torch.kron(signs, signs.new_tensor([[1, 1], [1, -1]]))
    return signs


def _tilted() -> tuple[Tensor, Tensor]:
    """Two planes with canonical correlations 1 and 0.6, on 16 rows."""
    import torch

    x, y, z = _signs(16)[:, 1:4].T
    return torch.stack([x, y], 1), torch.stack([x, 0.6 * y + 0.8 * z], 1)


@hookimpl
def simbench_indices():
    return [CCA(), SVCCA(), PWCCA()]
