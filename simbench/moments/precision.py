"""The precision of numbers: what they were measured in, what they are computed in, and their scale."""

from __future__ import annotations

import torch
from torch import Tensor

#: Machine epsilon of float32.
FLOAT32 = torch.finfo(torch.float32).eps
#: Exponents of two between which the largest number of rows leaves room for its fourth power in float32.
_ROOM = 24
#: Numbers that are compared together, few enough that a copy of them needs little memory.
_PART = 2**20


def precision(x: Tensor) -> float:
    """Machine epsilon of the numbers of x; whole numbers count as float64."""
    return torch.finfo(x.dtype if x.dtype.is_floating_point else torch.float64).eps


def measured(x: Tensor) -> float:
    """Machine epsilon that rows x (n, p) were measured in: that of float32 for float32 numbers in float64."""
    if precision(x) == torch.finfo(torch.float64).eps and x.dtype.is_floating_point:
        parts = x.detach().split(max(1, _PART // max(1, x.shape[1])))  # type: ignore[no-untyped-call]
        if all(torch.equal(part, part.to(torch.float32).to(x.dtype)) for part in parts):
            return FLOAT32
    return precision(x)


def widened(x: Tensor) -> Tensor:
    """x in the dtype of its products: float32 for coarser floats, float64 for whole numbers, else its own."""
    if not x.dtype.is_floating_point:
        return x.to(torch.float64)
    return x.to(torch.float32) if x.dtype.itemsize < 4 else x


def exponents(x: Tensor, each: bool = False) -> Tensor:
    """The exponent e, 0-dim or (p,) for each feature, such that the fourth powers of rows x (n, p) times 2^-e neither
    overflow nor vanish in their dtype: 0 for all numbers of usual size."""
    low, high = x.detach().aminmax(dim=0)
    size = torch.maximum(high, -low).to(torch.float64)
    size = torch.where(size.isfinite(), size, 0)
    exponent = torch.frexp(size if each else size.amax()).exponent
    most = 120 if x.dtype == torch.float32 else 1000  # 2^-e is a number of that dtype
    return torch.where(exponent.abs() <= _ROOM, 0, exponent.clamp(-most, most))


def rescaled(x: Tensor, each: bool = False) -> Tensor:
    """Rows x times a power of two, or each feature times one of its own, so that fourth powers neither overflow nor
    vanish; no digits are lost."""
    exponent = exponents(x, each)
    return x * torch.exp2(-exponent.to(torch.float64)).to(x.dtype) if bool(exponent.any()) else x
