"""Vectors of length 1, and the cosine of and the angle between two of them."""

from __future__ import annotations

import torch
from torch import Tensor

from simbench import Undefined

_EPS = torch.finfo(torch.float64).eps


def unit(vector: Tensor, why: str, rounding: float = 0.0) -> Tensor:
    """The vector divided by its length. Raises Undefined with the reason `why` where it is not longer than
    `rounding`."""
    length = torch.linalg.vector_norm(vector)
    if not bool(length.detach() > rounding):
        raise Undefined(why)
    return vector / length


def directions(x: Tensor, what: str, why: str, rounding: float = 0.0) -> tuple[Tensor, float]:
    """Rows x (n, p) divided by their lengths, and the shortest length. Raises Undefined, with a reason that follows the
    name of the side, where rows are not longer than `rounding`: they are `what` and have `why`."""
    lengths = torch.linalg.vector_norm(x, dim=1, keepdim=True)
    still = int((lengths.detach() <= rounding).sum())
    if still:
        raise Undefined(f"has {still} of {len(x)} rows that are {what} and have {why}")
    return x / lengths, float(lengths.detach().min())


def cosine(f: Tensor, g: Tensor) -> Tensor:
    """<f, g> of vectors of length 1, 0-dim. The Cauchy-Schwarz inequality bounds it by -1 and 1, up to rounding errors,
    which are clamped."""
    return within_one(f @ g, len(f))


def angle(f: Tensor, g: Tensor) -> Tensor:
    """arccos <f, g> of vectors of length 1, 0-dim, in a form that keeps all digits of small angles."""
    return 2 * torch.atan2(torch.linalg.vector_norm(f - g), torch.linalg.vector_norm(f + g))


def within_one(value: Tensor, roundings: int) -> Tensor:
    """A 0-dim value, clamped to -1 and 1 where it exceeds them by no more than the rounding of a sum of as many
    terms."""
    return value.clamp(-1, 1) if float(value.detach().abs()) <= 1 + (roundings + 8) * _EPS else value
