"""Centred Gram matrices as vectors whose inner products are HSICs, for kernel indices."""

from __future__ import annotations

import torch
from simbench_plugins.indices.distances import packed
from simbench_plugins.indices.kernels import Kernel
from simbench_plugins.indices.vectors import within_one
from torch import Tensor

from simbench import InputError, Undefined
from simbench.moments import FLOAT32, exponents

#: Largest number of rows of a Gram matrix, which then takes 3.2 GB.
MOST_ROWS = 20_000
#: Rounding error of the product of two rows, in epsilons of the product of their lengths.
_PRODUCT = 8
#: Standard deviation of the rounding error of a float32 number computed as a sum, in epsilons of the number.
_IN_SUMS = 2.0
#: Largest binary exponent, of either sign, of the rows for which sums of fourth powers neither overflow nor vanish.
_ORDERS = 240
#: An HSIC computed in feature space below this share of its terms has lost too many digits to cancellation.
_LEFT = 1e-6
#: Why there is no ratio of HSICs, after the name of a side.
ALIKE = (
    "has rows that are all equally far apart, to rounding, so that its unbiased HSIC with itself is zero and "
    "divides nothing by nothing"
)
STILL = "has no rows that differ by more than rounding, so that its HSIC with itself is zero"


def gram_vector(x: Tensor, kernel: Kernel, unbiased: bool, eps: float, centred: bool = True) -> Tensor:
    """Gram matrix of rows x (n, p) as a vector in float64, of n (n + 1) / 2 numbers, or n (n - 1) / 2 if unbiased.

    unbiased: True omits the diagonal and U-centres the matrix: the inner product of two such vectors is n (n - 3)
        times the unbiased HSIC (Song et al. 2012, eq. 5, in the form of Szekely and Rizzo 2014, eq. 2.2), and large
        terms cancel before they are multiplied. False gives tr(K H L H) (Gretton et al. 2005, definition 2).
    eps: precision of the original rows. centred: False leaves out the centring of rows and matrix, so that the inner
        product is tr(K L), without the diagonal if unbiased.

    Products of rows are computed in the precision of x, float32 or float64. The result is exactly zero where it does
    not exceed rounding errors, for example when all rows are equally far apart. Raises Undefined where the kernel is
    undefined, and for numbers so large or small that HSICs overflow or vanish; InputError for too many rows.
    """
    require_rows(len(x))
    exponent = int(exponents(x))
    if abs(exponent) > _ORDERS:
        raise Undefined(
            f"has numbers of size 1e{round(exponent * 0.30103):+d}, whose fourth powers are too large or too "
            "small for sums over minibatches; scale the activations"
        )
    factor = 2.0**-exponent
    gram, lengths, moved = kernel.gram(x, factor, centred, _largest(x) * factor)
    rounding = _PRODUCT * torch.finfo(x.dtype).eps * lengths
    if unbiased and centred:  # equal distances leave the rounding errors of the rows
        if kernel.name == "linear":  # subtracts the rounding error of the mean, which depends on the processor
            rest = max(lengths - float(gram.detach().mean()) * len(x), 0.0)
            moved = moved * (rest / lengths) ** 0.5 if lengths > 0 else 0.0
        rounding += _noise(eps) * moved
    if unbiased:
        gram = u_centred(gram) if centred else gram - gram.diagonal().diag()
    elif centred:
        gram = gram - gram.mean(0) - gram.mean(1, keepdim=True) + gram.mean()
    if float(torch.linalg.vector_norm(gram.detach())) <= rounding:
        gram = torch.zeros_like(gram)
    return packed(gram * 4.0**exponent if kernel.name == "linear" and exponent else gram, not unbiased)


def require_rows(n: int) -> None:
    """Raise InputError for too many rows for a matrix of all pairs."""
    if n > MOST_ROWS:
        raise InputError(
            f"every row is compared with every other: {n} rows are given, at most {MOST_ROWS} are allowed; "
            "give a sample of them, or another view"
        )


def _noise(eps: float) -> float:
    """Relative rounding error of two numbers together. Half precision numbers were rounded once, by up to half an
    epsilon in either direction, and this is the root mean square. Float32 numbers were computed as sums, with a
    standard deviation of _IN_SUMS epsilons (as in `Scatter.rounding`)."""
    return eps * _IN_SUMS if eps <= FLOAT32 else eps * 6**-0.5


def _largest(x: Tensor) -> float:
    """Norm of the vector of the largest absolute value of each row. Rounding errors of two rows change their product by
    at most about `_noise` times the largest value of one row times the length of the other."""
    low, high = x.detach().aminmax(dim=1)
    return float(torch.linalg.vector_norm(torch.maximum(high, -low).to(torch.float64)))


def hsics(a: Tensor, b: Tensor, eps: tuple[float, float]) -> tuple[Tensor, Tensor, Tensor] | None:
    """n (n - 3) times the unbiased HSICs (a, b), (a, a) and (b, b) of linear kernels, computed in feature space.

    a: (n, p), b: (n, q), in float64. eps: precisions of the original rows of a and b. Returns None where most of the
    terms cancel, so that too few digits would remain.
    """
    n, (x, y) = len(a), (z - z.mean(0) for z in (a, b))
    lengths = [z.square().sum(1) for z in (x, y)]
    totals = [d.sum() for d in lengths]
    uneven = [d - total / n for d, total in zip(lengths, totals, strict=True)]

    def terms(i: int, j: int) -> tuple[Tensor, Tensor]:
        products = ((x, y)[i].mT @ (x, y)[j]).square().sum()
        return products, totals[i] * totals[j] / (n - 1) + n / (n - 2) * uneven[i] @ uneven[j]

    own = [terms(0, 0), terms(1, 1)]
    for z, total, (more, less), fine in zip((a, b), totals, own, eps, strict=True):
        rounding = (_noise(fine) * _largest(z)) ** 2 * total
        if not bool(more - less > torch.maximum(rounding, _LEFT * (more + less))):
            return None
    (ab, less), (aa, bb) = terms(0, 1), (more - less for more, less in own)
    return ab - less, aa, bb


def ratio(ab: Tensor, aa: Tensor, bb: Tensor, roundings: int, why: str) -> Tensor:
    """ab / sqrt(aa bb), 0-dim. The Cauchy-Schwarz inequality bounds it by -1 and 1, up to rounding errors, which are
    clamped.

    roundings: number of terms in the sums. Raises Undefined with the reason `why` where aa or bb is zero.
    """
    for name, own in (("a", aa), ("b", bb)):
        if not bool(own > 0):
            raise Undefined(f"{name} {why}")
    return within_one(ab / aa.sqrt() / bb.sqrt(), roundings)


def u_centred(gram: Tensor) -> Tensor:
    """The U-centred matrix (Szekely and Rizzo 2014, definition 2), with a zero diagonal."""
    n = len(gram)
    gram = gram - gram.diagonal().diag()
    rows = gram.sum(0) / (n - 2)
    centred = gram - rows - rows[:, None] + rows.sum() / (n - 1)
    return centred - centred.diagonal().diag()
