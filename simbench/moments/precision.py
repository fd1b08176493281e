"""Precision: the epsilon in which rows were measured, the dtype of their products, and their scale."""

from __future__ import annotations

import torch
from torch import Tensor

#: Machine epsilon of float32.
FLOAT32 = torch.finfo(torch.float32).eps
#: Largest binary exponent, of either sign, of a number whose fourth power is safe in float32.
_ROOM = 24
#: Numbers that are compared at a time, few enough that a copy needs little memory.
_PART = 2**20


def precision(x: Tensor) -> float:
    """Machine epsilon of the numbers of x; whole numbers count as float64."""
    return torch.finfo(x.dtype if x.dtype.is_floating_point else torch.float64).eps


def measured(x: Tensor) -> float:
    """Machine epsilon of the original precision of rows x (n, p): float32 for float32 numbers stored as float64."""
    if precision(x) == torch.finfo(torch.float64).eps and x.dtype.is_floating_point:
        parts = x.detach().split(max(1, _PART // max(1, x.shape[1])))  # type: ignore[no-untyped-call]
        if all(torch.equal(part, part.to(torch.float32).to(x.dtype)) for part in parts):
            return FLOAT32
    return precision(x)


def widened(x: Tensor) -> Tensor:
    """x in the dtype of its products: float32 for half precision, float64 for whole numbers, else its own dtype."""
    if not x.dtype.is_floating_point:
        return x.to(torch.float64)
    return x.to(torch.float32) if x.dtype.itemsize < 4 else x


def exponents(x: Tensor, each: bool = False) -> Tensor:
    """The exponent e, 0-dim or (p,) for each feature, such that the fourth powers of rows x (n, p) times 2^-e neither
    overflow nor vanish in their dtype; 0 for numbers of ordinary size."""
    x = x.detach()
    low, high = x.aminmax(dim=0) if each or not x.numel() else x.aminmax()  # of all at once: 15 times as fast
    if not each and not bool((high - low).isfinite().all()):
        low, high = x.aminmax(dim=0)  # features that are not finite do not count
    size = torch.maximum(high, -low).to(torch.float64)
    size = torch.where(size.isfinite(), size, 0)
    exponent = torch.frexp(size if each else size.amax()).exponent
    most = 120 if x.dtype == torch.float32 else 1000  # 2^-e must be representable in that dtype
    return torch.where(exponent.abs() <= _ROOM, 0, exponent.clamp(-most, most))


def rescaled(x: Tensor, each: bool = False) -> Tensor:
    """Rows x times a power of two (each: one for every feature), so that fourth powers neither overflow nor vanish.
    No digits are lost."""
    exponent = exponents(x, each)
    return x * torch.exp2(-exponent.to(torch.float64)).to(x.dtype) if bool(exponent.any()) else x
