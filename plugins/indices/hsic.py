"""Hilbert-Schmidt independence criterion (HSIC), and the alignment of uncentred kernels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from simbench_plugins.indices.cka import CKA
from simbench_plugins.indices.kernels import FEWEST_ROWS, Kernel

from simbench import Claims, Index, InputError, KnownAnswer, hookimpl, invariant
from simbench.contracts.fields import number

if TYPE_CHECKING:
    from torch import Tensor

    from simbench import Moments


@dataclass(frozen=True)
class HSIC(Index):
    """The dependence of the two sides, by the Gram matrices K, L of their rows; not normalised, unlike CKA.

    estimator: "biased" tr(KHLH) / (n - 1)^2 (Gretton et al. 2005, definition 2), 0 or more; "unbiased" the
        U-statistic of Song et al. (2012, eq. 5), which may be negative.
    divisor: of the biased estimator: "degrees" (n - 1)^2, or "rows" n^2 (Gretton et al. 2008, eq. 4).
    kernel, bandwidth, median, degree, offset: see `kernels.Kernel`. The default is that of the papers, with sigma the
        median distance between rows (Gretton et al. 2008, section 4). Values of the linear kernel are of the fourth
        power of the scale of the activations, and grow if b is a plus noise; the others do not see scale.

    Undefined where the kernel is: of distances that are mostly zero. 0 where a side does not vary.
    """

    estimator: Literal["biased", "unbiased"] = "biased"
    kernel: Literal["linear", "rbf", "laplacian", "polynomial"] = "rbf"
    divisor: Literal["degrees", "rows"] = "degrees"
    bandwidth: float = number(1.0, above=0.0)
    median: Literal["pairs", "all", "nonzero"] = "pairs"
    degree: int = number(3, least=1)
    offset: float = number(1.0, least=0.0)

    name, inner = "hsic", True
    source = "Gretton et al. 2005, definition 2; Song et al. 2012, eq. 5"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.estimator == "unbiased" and self.divisor != "degrees":
            raise InputError(f"divisor is {self.divisor} and estimator unbiased; divisor is only for estimator=biased")
        Kernel.of(self)

    @property
    def claims(self) -> Claims:
        scaled = () if self.kernel == "linear" else ("scaling",)
        invariances = invariant("orthogonal", "translation", *scaled)
        low = 0.0 if self.estimator == "biased" else float("-inf")
        return Claims(
            symmetric=True,
            range=(low, float("inf")),
            invariances_a=invariances,
            invariances_b=invariances,
            differentiable=True,
            reflexive=False,
        )

    def prepare(self, rows: Tensor) -> Tensor:
        """The centred Gram matrix as a vector."""
        import torch
        from simbench_plugins.indices.gram import gram_vector

        from simbench.moments import measured

        n, unbiased = len(rows), self.estimator == "unbiased"
        if unbiased and n < FEWEST_ROWS:
            raise InputError(f"{self.spec} takes at least {FEWEST_ROWS} rows: {n} are given")
        vector = gram_vector(rows.to(torch.float64), Kernel.of(self), unbiased, measured(rows))
        if unbiased:
            return vector / (n * (n - 3)) ** 0.5
        return vector / (n - 1 if self.divisor == "degrees" else n)

    def compare(self, a: Tensor, b: Tensor) -> Tensor:
        value = a @ b
        return value.clamp_min(0) if self.estimator == "biased" else value

    def known_answers(self) -> list[KnownAnswer]:
        from simbench_plugins.indices.kernel_answers import of_hsic

        return of_hsic(self)


@dataclass(frozen=True)
class KernelAlignment(Index):
    """A(K, L) = <K, L>_F / (||K||_F ||L||_F) of the Gram matrices K, L of the rows as they are (Cristianini et al.
    2001, definition 1): biased CKA without centring. Rows far from zero are alike for that alone.

    kernel, bandwidth, median, degree, offset: see `kernels.Kernel`; the rows are not centred either.

    Undefined where all rows of a side are zero, or the kernel is undefined.
    """

    kernel: Literal["linear", "rbf", "laplacian", "polynomial"] = "linear"
    bandwidth: float = number(1.0, above=0.0)
    median: Literal["pairs", "all", "nonzero"] = "pairs"
    degree: int = number(3, least=1)
    offset: float = number(1.0, least=0.0)

    name, any_precision, inner = "kernel_alignment", True, True
    source = "Cristianini et al. 2001, definition 1"

    def __post_init__(self) -> None:
        super().__post_init__()
        Kernel.of(self)

    @property
    def _cka(self) -> CKA:
        parameters = {name: getattr(self, name) for name in ("kernel", "bandwidth", "median", "degree", "offset")}
        return CKA(centred=False, **parameters)

    @property
    def claims(self) -> Claims:
        return self._cka.claims

    @property
    def needs(self) -> str:
        return self._cka.needs

    def from_moments(self, m: Moments) -> Tensor:
        return self._cka.from_moments(m)

    def prepare(self, rows: Tensor) -> Tensor:
        """The Gram matrix as a vector of length 1."""
        return self._cka.prepare(rows)

    def compare(self, a: Tensor, b: Tensor) -> Tensor:
        return self._cka.compare(a, b)

    def known_answers(self) -> list[KnownAnswer]:
        return self._cka.known_answers()


@hookimpl
def simbench_indices():
    return [HSIC(), KernelAlignment()]
