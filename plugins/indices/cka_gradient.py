"""CKA of a training batch with its gradient, from float32 products."""

from __future__ import annotations

import math
from typing import Any

import torch
from simbench_plugins.indices.gram import ratio
from torch import Tensor

#: Features that are multiplied in float32 before their products are added up in float64.
_FEATURES = 256
#: Rounding error of a centred Gram matrix of equal rows, in epsilons of the sum of their squares.
_PRODUCT = 8
#: Largest binary exponent, of either sign, of numbers whose squares are safe in float32.
_ROOM = 24
_EPS = torch.finfo(torch.float64).eps


def cka(a: Tensor, b: Tensor, still: str) -> Tensor:
    """Linear biased CKA of float32 rows a (n, p), b (n, p), 0-dim float64, differentiable with respect to a alone.

    With centred A and B, s the factor that brings s B closest to A, D = A - s B, L = B B^T and E = A A^T - s^2 L =
    P + P^T for P = D (A - D / 2)^T, it is <K, L> / (||K|| ||L||) of K = s^2 L + E, and its gradient is 2 G A for

        G = (<K, E> / <K, K> L - <K, L> / <K, K> E) / (||K|| ||L||).

    Close to b, where the gradients of the two norms all but cancel, E is computed from the small D and not as a
    difference of large products. So float32 products of blocks of features, whose sums are in float64, keep six digits
    of the gradient everywhere. All else is in float64: means, differences, n x n matrices, and 2 G A.

    Raises Undefined, with the reason `still`, where the rows of a side differ by no more than rounding errors.
    """
    return _CKA.apply(a, b.detach(), still)


class _CKA(torch.autograd.Function):
    """See `cka`."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, still: str) -> Tensor:
        (x, left, factor), (y, right, _) = _centred_rows(a), _centred_rows(b)
        scale = float(x.flatten() @ y.flatten()) / right if right else 0.0
        gram = _centred(_products(*[y.to(torch.float32)] * 2))
        difference = torch.sub(x, y, alpha=scale, out=y).to(torch.float32)
        rows = x.to(torch.float32)
        half = _products(difference, rows.sub(difference, alpha=0.5))
        extra = _centred(half + half.mT)
        whole = torch.add(extra, gram, alpha=scale**2)
        aa, ab, bb = ((u * v).sum() for u, v in ((whole, whole), (whole, gram), (gram, gram)))
        for own, length in ((aa, left), (bb, right)):
            if float(own) ** 0.5 <= _PRODUCT * _EPS * length:
                own.zero_()
        value = ratio(ab, aa, bb, len(a) ** 2, still)
        slope = (gram * ((whole * extra).sum() / aa) - extra * (ab / aa)) / (aa.sqrt() * bb.sqrt())
        ctx.save_for_backward(x, slope)
        ctx.factor = 2.0 * factor
        return value

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        x, slope = ctx.saved_tensors
        return (slope * (ctx.factor * grad) @ x).to(torch.float32), None, None


def _centred_rows(x: Tensor) -> tuple[Tensor, float, float]:
    """Centred rows in float64, the sum of their squares, and the power of two that they were multiplied by so that
    float32 squares neither overflow nor vanish."""
    x = x.to(torch.float64)
    x -= x.mean(0)
    length, factor = float(x.flatten() @ x.flatten()), 1.0
    exponent = math.frexp(length)[1] // 2 if math.isfinite(length) else 0
    if abs(exponent) > _ROOM:
        factor = 2.0**-exponent
        x *= factor
    return x, length * factor**2, factor


def _products(x: Tensor, y: Tensor) -> Tensor:
    """(n, n) products x y^T of float32 rows (n, p): float64 sums of the products of blocks of features."""
    whole = x.shape[1] // _FEATURES * _FEATURES
    blocks = [z[:, :whole].unflatten(1, (-1, _FEATURES)).transpose(0, 1) for z in (x, y)]
    rest = x[:, whole:] @ y[:, whole:].mT
    return torch.bmm(blocks[0], blocks[1].mT).sum(0, dtype=torch.float64) + rest


def _centred(gram: Tensor) -> Tensor:
    """The Gram matrix of centred rows."""
    return gram - gram.mean(0) - gram.mean(1, keepdim=True) + gram.mean()
