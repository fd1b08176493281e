"""Centred Gram matrices as vectors whose inner products are HSICs, for the variants of CKA."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from simbench import Undefined
from simbench.moments import FLOAT32, exponents

#: Elements of the rows that are centred and multiplied at a time, few enough to stay in the processor's cache.
_BLOCK = 2**21
#: Rounding error of the product of two rows, in epsilons of the product of their lengths.
_PRODUCT = 8
#: Standard deviation of the rounding error of a float32 number computed as a sum, in epsilons of the number.
_IN_SUMS = 2.0
#: Largest binary exponent, of either sign, of the rows for which sums of fourth powers neither overflow nor vanish.
_ORDERS = 240
#: An HSIC computed in feature space below this share of its terms has lost too many digits to cancellation.
_LEFT = 1e-6
_EPS = torch.finfo(torch.float64).eps


def centred_gram(x: Tensor, kernel: str, unbiased: bool, eps: float) -> Tensor:
    """Centred Gram matrix of rows x (n, p), flattened to (n^2,), in float64. eps: precision of the original rows.

    unbiased: True omits the diagonal and U-centres the matrix: the inner product of two such vectors is n (n - 3)
        times the unbiased HSIC (Song et al. 2012, eq. 5, in the form of Szekely and Rizzo 2014, eq. 2.2), and large
        terms cancel before they are multiplied. False gives tr(K H L H) (Gretton et al. 2005, definition 2).
    kernel: "linear", or "rbf" exp(-d^2 / (2 sigma^2)) with sigma the lower median of the distances between rows.

    Products of rows are computed in the precision of x, float32 or float64. The result is exactly zero where it does
    not exceed rounding errors, for example when all rows are equally far apart. Raises Undefined where more than half
    of the distances are zero, and for numbers so large or small that HSICs overflow or vanish.
    """
    exponent = int(exponents(x))
    if abs(exponent) > _ORDERS:
        raise Undefined(
            f"the fourth powers of numbers of size 1e{round(exponent * 0.30103):+d} are too large or too "
            "small for sums over minibatches; scale the activations"
        )
    largest = _largest(x) * 2.0**-exponent
    if kernel == "linear":
        gram = _products(x, 2.0**-exponent)
        lengths = float(gram.detach().diagonal().sum())
    else:
        gram, sigma = _rbf(x, 2.0**-exponent)
        largest, lengths = largest / sigma * math.exp(-0.5), float(len(x))  # the steepest slope of exp(-t^2 / 2)
    rounding = _PRODUCT * torch.finfo(x.dtype).eps * lengths
    if unbiased:  # equal distances leave the rounding errors of the rows
        if kernel == "linear":  # subtracts the rounding error of the mean, which depends on the processor
            lengths = max(lengths - float(gram.detach().mean()) * len(x), 0.0)
        rounding += _noise(eps) * largest * lengths**0.5
    gram = _u_centred(gram) if unbiased else gram - gram.mean(0) - gram.mean(1, keepdim=True) + gram.mean()
    if float(torch.linalg.vector_norm(gram.detach())) <= rounding:
        gram = torch.zeros_like(gram)
    return (gram * 4.0**exponent if kernel == "linear" and exponent else gram).flatten()


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
    value = ab / aa.sqrt() / bb.sqrt()
    return value.clamp(-1, 1) if float(value.detach().abs()) <= 1 + (roundings + 8) * _EPS else value


def _u_centred(gram: Tensor) -> Tensor:
    """The U-centred matrix (Szekely and Rizzo 2014, definition 2), with a zero diagonal."""
    n = len(gram)
    gram = gram - gram.diagonal().diag()
    rows = gram.sum(0) / (n - 2)
    centred = gram - rows - rows[:, None] + rows.sum() / (n - 1)
    return centred - centred.diagonal().diag()


def _products(x: Tensor, factor: float) -> Tensor:
    """(n, n) inner products in float64 of the centred rows times `factor`, computed in the precision of the rows, a
    block of columns at a time.

    The rounding error of the mean shifts all rows equally, which does not affect a centred Gram matrix.
    """
    gram = torch.zeros(len(x), len(x), dtype=torch.float64, device=x.device)
    average = torch.full((1, len(x)), 1 / len(x), dtype=x.dtype, device=x.device)
    for part in x.split(max(1, _BLOCK // len(x)), 1):
        part = part if factor == 1 else part * factor
        part = part - average @ part.detach()
        gram = gram + part @ part.mT
    return gram


def _rbf(x: Tensor, factor: float) -> tuple[Tensor, float]:
    """(n, n) float64 Gram matrix of the rows times `factor`, and its sigma."""
    x = x if factor == 1 else x * factor
    squared = torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist").to(torch.float64).square()
    pairs = torch.triu_indices(len(x), len(x), offset=1, device=x.device)
    median = squared[pairs[0], pairs[1]].detach().median()
    if not median > 0:
        raise Undefined(
            "the median distance between rows is 0 (most rows coincide), so the rbf bandwidth is "
            "undefined; use kernel=linear"
        )
    return torch.exp(-squared / (2 * median)), float(median.sqrt())
