"""Centred Gram matrices: one side of an HSIC, as a vector whose inner products are HSICs."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from simbench import Undefined
from simbench.moments import FLOAT32, exponents

#: Elements of the rows that are centred and multiplied at a time, few enough to stay near the processor.
_BLOCK = 2**21
#: Roundings of the product of two rows, relative to their lengths.
_PRODUCT = 8
#: Standard deviation, in epsilons and relative to it, of a number of float32 that came out of sums.
_IN_SUMS = 2.0
#: Most binary orders of magnitude between the numbers of rows and 1 at which sums of fourth powers are numbers.
_ORDERS = 240
#: Share of its own terms below which what is left of an HSIC in feature space has lost too many digits.
_LEFT = 1e-6
_EPS = torch.finfo(torch.float64).eps


def centred_gram(x: Tensor, kernel: str, unbiased: bool, eps: float) -> Tensor:
    """(n^2,) centred Gram matrix of rows x (n, p) in float64. eps: the precision that these were measured in.

    unbiased: its diagonal is left out and it is U-centred: inner products of two are n (n - 3) times the unbiased HSIC
        (Song et al. 2012, eq. 5, in the form of Szekely and Rizzo 2014, eq. 2.2), whose terms cancel before they are
        multiplied, not after. Else they are tr(K H L H) (Gretton et al. 2005, definition 2).
    kernel: "linear", or "rbf" exp(-d^2 / (2 sigma^2)) with sigma the lower median of the distances between rows.

    Products of rows are taken in their own precision, float32 or float64. Exactly zero where it is no more than
    rounding, as where all rows are equally far apart. Undefined where more than half of the distances are zero, and
    for numbers so large or so small that HSICs are not numbers.
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
    if unbiased:  # what is left of equal distances is the rounding of the numbers themselves
        if kernel == "linear":  # without what rounding left of the mean, which differs from processor to processor
            lengths = max(lengths - float(gram.detach().mean()) * len(x), 0.0)
        rounding += _noise(eps) * largest * lengths**0.5
    gram = _u_centred(gram) if unbiased else gram - gram.mean(0) - gram.mean(1, keepdim=True) + gram.mean()
    if float(torch.linalg.vector_norm(gram.detach())) <= rounding:
        gram = torch.zeros_like(gram)
    return (gram * 4.0**exponent if kernel == "linear" and exponent else gram).flatten()


def _noise(eps: float) -> float:
    """Rounding of two numbers together, relative to these: those of half precision were rounded once, by up to half an
    epsilon in either direction, of which this is the root mean square; those of float32 came out of sums, whose
    rounding reaches a standard deviation of _IN_SUMS epsilons (as in `Scatter.rounding`)."""
    return eps * _IN_SUMS if eps <= FLOAT32 else eps * 6**-0.5


def _largest(x: Tensor) -> float:
    """Length of the vector of the largest numbers of each row. Rounding the numbers of two rows moves their product by
    about `_noise` of the largest number of one times the length of the other, at most."""
    low, high = x.detach().aminmax(dim=1)
    return float(torch.linalg.vector_norm(torch.maximum(high, -low).to(torch.float64)))


def hsics(a: Tensor, b: Tensor, eps: tuple[float, float]) -> tuple[Tensor, Tensor, Tensor] | None:
    """n (n - 3) times the unbiased HSICs (a, b), (a, a) and (b, b) of linear kernels, from p x q products of rows
    a (n, p), b (n, q) in float64; None where they lose digits, since most of their terms cancel. eps: the precisions
    that these were measured in."""
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
    """ab / sqrt(aa bb), 0-dim, which by Cauchy and Schwarz is between -1 and 1, but for so many roundings.

    Undefined, and why, where aa or bb is zero.
    """
    for name, own in (("a", aa), ("b", bb)):
        if not bool(own > 0):
            raise Undefined(f"{name} {why}")
    value = ab / aa.sqrt() / bb.sqrt()
    return value.clamp(-1, 1) if float(value.detach().abs()) <= 1 + (roundings + 8) * _EPS else value


def _u_centred(gram: Tensor) -> Tensor:
    n = len(gram)
    gram = gram - gram.diagonal().diag()
    rows = gram.sum(0) / (n - 2)
    centred = gram - rows - rows[:, None] + rows.sum() / (n - 1)
    return centred - centred.diagonal().diag()


def _products(x: Tensor, factor: float) -> Tensor:
    """(n, n) float64 inner products of the centred rows times `factor`, multiplied in their own precision, some columns
    at a time.

    What rounding leaves of the mean moves all rows alike, which a centred Gram matrix does not see.
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
