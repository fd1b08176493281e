"""Centred kernel alignment (CKA): biased, debiased and minibatch estimators, and four kernels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from simbench_plugins.indices.kernels import FEWEST_ROWS, Kernel

from simbench import Claims, Index, InputError, KnownAnswer, hookimpl, invariant
from simbench.contracts.fields import number

if TYPE_CHECKING:
    from torch import Tensor

    from simbench import Moments

#: Up to this number of rows, unbiased HSICs are computed from Gram matrices rather than in feature space.
_GRAM_ROWS = 2048
#: Parameters that configurations without them may lack in recorded results.
_FURTHER = ("form", "centred", "bandwidth", "median", "degree", "offset")


@dataclass(frozen=True)
class CKA(Index):
    """CKA(K, L) = h(K, L) / sqrt(h(K, K) h(L, L)) of the Gram matrices K, L of the two sides.

    estimator: of h, the HSIC. "biased" is the plug-in tr(KHLH) (Gretton et al. 2005, definition 2); with the linear
        kernel CKA is ||B^T A||_F^2 / (||A^T A||_F ||B^T B||_F) of centred A, B (paper, definition 6.2). On few rows
        it is large for independent data. "debiased" is the unbiased HSIC of Song et al. (2012, eq. 5), as in Nguyen
        et al. (2021, eq. 3); it can be negative, and is not clamped. "minibatch" is the ratio of sums of the unbiased
        HSIC, divided by m (m - 3), over minibatches of m rows (Nguyen et al. 2021, eq. 2), not a mean of ratios. It
        streams over any number of inputs and estimates the same number whatever the size of the minibatches. Rows are
        centred first, and their products are computed in their precision, at least float32.
    batch: number of consecutive rows of a minibatch, for estimator=minibatch only. A shorter last minibatch is left
        out if it has fewer than 4 rows.
    kernel: "linear", "rbf" exp(-d^2 / (2 sigma^2)), "laplacian" exp(-d / sigma) (Lange et al. 2023), of the Euclidean
        distance d, or "polynomial" (<x, y> / s + offset)^degree of centred rows, s their mean squared length.
    bandwidth, median: sigma is `bandwidth` times the median distance of rows: over "pairs" of rows, over "all" n^2
        squared distances (Kornblith et al. 2019, their code), or over the "nonzero" ones; see `kernels.Kernel`.
    form: "cosine" is CKA, "angular" the distance arccos CKA, from 0 to pi/2 (to pi, if debiased), which obeys the
        triangle inequality (Williams et al. 2021, supplement).
    centred: False leaves out the centring of rows and Gram matrices, and of the unbiased HSIC all but the omission of
        the diagonal; the biased estimator is then kernel alignment (Cristianini et al. 2001).

    Undefined where h(K, K) or h(L, L) does not exceed rounding errors: all rows are equal, or, for the unbiased HSIC,
    all rows are equally far apart (such as one-hot rows), or only one row differs from the others.
    """

    estimator: Literal["biased", "debiased", "minibatch"] = "biased"
    kernel: Literal["linear", "rbf", "laplacian", "polynomial"] = "linear"
    batch: int = number(128, least=FEWEST_ROWS)
    form: Literal["cosine", "angular"] = "cosine"
    centred: bool = True
    bandwidth: float = number(1.0, above=0.0)
    median: Literal["pairs", "all", "nonzero"] = "pairs"
    degree: int = number(3, least=1)
    offset: float = number(1.0, least=0.0)

    name, any_precision = "cka", True
    source = "Kornblith et al. 2019, eq. 4; Csiszarik et al. 2021, definition 6.2"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.estimator != "minibatch" and self.batch != 128:
            raise InputError(
                f"batch is {self.batch} and estimator {self.estimator}; batch is only for estimator=minibatch"
            )
        Kernel.of(self)

    @property
    def version(self) -> int:
        """2 where the bandwidth is a multiple of the median distance, once the lower of the two middle ones."""
        return 2 if self.kernel == "rbf" else 1

    @property
    def identity(self) -> dict[str, Any]:
        """Without further parameters that have their defaults, so that earlier results stay valid."""
        full = super().identity
        params = {k: v for k, v in full["params"].items() if k not in _FURTHER or v != getattr(CKA, k)}
        return full | {"params": params}

    @property
    def claims(self) -> Claims:
        moved = ("translation",) if self.centred or not Kernel.of(self).moves else ()
        invariances = invariant("orthogonal", "scaling", *moved)
        low, angular = (0.0 if self.estimator == "biased" else -1.0), self.form == "angular"
        return Claims(
            direction=-1 if angular else 1,
            symmetric=True,
            range=(0.0, math.acos(low)) if angular else (low, 1.0),
            invariances_a=invariances,
            invariances_b=invariances,
            differentiable=not angular,
        )

    @property
    def needs(self) -> str:
        return "moments" if (self.estimator, self.kernel) == ("biased", "linear") else "samples"

    @property
    def inner(self) -> bool:
        return self.form == "cosine"

    def from_moments(self, m: Moments) -> Tensor:
        from simbench_plugins.indices.gram import STILL, ratio

        from simbench.moments import exponents

        m = (m if self.centred else m.uncentred()).defined()
        # Divides each side by a power of two near its scale, so that no product overflows or vanishes.
        left, right = (2.0 ** -(int(exponents(side.sizes[None])) // 2) for side in (m.a, m.b))
        if m.a.rows is not None and m.b.rows is not None and max(m.a.width, m.b.width) > m.n:
            k, l = (x @ x.mT for x in (m.a.rows * left, m.b.rows * right))
            value = ratio((k * l).sum(), k.square().sum(), l.square().sum(), m.n**2, STILL)
        else:
            terms = (m.ab, left * right), (m.aa, left**2), (m.bb, right**2)
            ab, aa, bb = (x if by == 1 else x * by for x, by in terms)
            value = ratio(ab.square().sum(), aa.square().sum(), bb.square().sum(), m.n + ab.numel(), STILL)
        return value.clamp_max(1).arccos() if self.form == "angular" else value

    @property
    def minibatches(self) -> int | None:
        return self.batch if self.estimator == "minibatch" and self.form == "cosine" else None

    def of_batch(self, x: Tensor) -> Tensor:
        """U-centred Gram matrix of m rows divided by sqrt(m (m - 3)), as a vector: inner products are the unbiased HSIC
        (Song et al. 2012, eq. 5, in the form of Szekely and Rizzo 2014, eq. 2.2). Exactly zero where it does not
        exceed rounding errors."""
        from simbench.moments import measured, widened

        return self._vector(widened(x), measured(x))

    def _vector(self, x: Tensor, eps: float) -> Tensor:
        """`of_batch` for rows in float32 or float64 whose original precision was eps."""
        from simbench_plugins.indices.gram import gram_vector

        terms = len(x) * (len(x) - (3 if self.centred else 1))
        return gram_vector(x, Kernel.of(self), True, eps, self.centred) / terms**0.5

    def prepare(self, rows: Tensor) -> Tensor:
        """The Gram matrix, or those of all minibatches, as a vector of length 1."""
        import torch
        from simbench_plugins.indices.gram import ALIKE, STILL, gram_vector
        from simbench_plugins.indices.vectors import unit

        from simbench.moments import measured, rescaled, widened

        n, eps, x = len(rows), measured(rows), rescaled(widened(rows))
        if self.estimator == "minibatch":
            parts = [self._vector(part, eps) for part in x.split(self.batch) if len(part) >= FEWEST_ROWS]
            if not parts:
                raise InputError(f"{self.spec} has no minibatch of {FEWEST_ROWS} rows: {n} rows are given")
            return unit(torch.cat(parts), ALIKE)
        unbiased = self.estimator == "debiased"
        if unbiased and n < FEWEST_ROWS:
            raise InputError(f"{self.spec} takes at least {FEWEST_ROWS} rows: {n} are given")
        vector = gram_vector(x.to(torch.float64), Kernel.of(self), unbiased, eps, self.centred)
        return unit(vector, ALIKE if unbiased else STILL)

    def compare(self, a: Tensor, b: Tensor) -> Tensor:
        from simbench_plugins.indices.vectors import angle, cosine

        return angle(a, b) if self.form == "angular" else cosine(a, b)

    def from_samples(self, a: Tensor, b: Tensor) -> Tensor:
        """As `compare`, but in feature space where that is cheaper than Gram matrices of all rows."""
        import torch
        from simbench_plugins.indices.gram import ALIKE, hsics, ratio

        from simbench.moments import Moments, measured, rescaled, widened

        narrow = self.kernel == "linear" and max(a.shape[1], b.shape[1]) < len(a)
        if narrow and self.needs == "moments":
            return self.from_moments(Moments.of(*(rescaled(widened(x)).to(torch.float64) for x in (a, b))))
        if narrow and len(a) > _GRAM_ROWS and (self.estimator, self.form, self.centred) == ("debiased", "cosine", True):
            eps = measured(a), measured(b)
            sums = hsics(*(rescaled(widened(x)).to(torch.float64) for x in (a, b)), eps)
            if sums:
                return ratio(*sums, len(a) + a.shape[1] * b.shape[1], ALIKE)
        return super().from_samples(a, b)

    def of_training_batch(self, a: Tensor, b: Tensor) -> Tensor:
        """Value of the biased linear estimator on float32 rows (n, p) of equal width, of which only those of a are
        trained, in less time than `from_samples`; value and gradient differ by less than 1e-6 of their size."""
        from simbench_plugins.indices.cka_gradient import cka
        from simbench_plugins.indices.gram import STILL

        return cka(a, b, STILL)

    def known_answers(self) -> list[KnownAnswer]:
        from simbench_plugins.indices.kernel_answers import of_cka

        return of_cka(self)


@hookimpl
def simbench_indices():
    return [CKA()]
