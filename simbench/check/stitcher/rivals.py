"""Rivals: other maps of a family, to compare with the map that a stitcher returns as the best."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from simbench.check import data
from simbench.check.stitcher.families import chart, exchanged
from simbench.check.stitcher.fits import rank
from simbench.contracts import Stitcher
from simbench.moments.affine import Affine

#: Numbers of random steps and of exchanges of two neurons (16 neurons have 120 such exchanges).
DRAWS, EXCHANGES = 50, 150
#: The loss that a stitcher minimises, as a function of the map; maps, each with how it was made.
Loss = Callable[[Affine], Tensor]
Rivals = Iterator[tuple[str, Affine]]


def moves(stitcher: Stitcher, affine: Affine, loss: Loss) -> Rivals:
    """Maps of the family around this one."""
    zeros, move = chart(affine, stitcher.family, rank(stitcher))
    if not any(zero.numel() for zero in zeros):
        return
    generator = data.seeded(17)
    for draw in range(DRAWS):
        size = 10 ** (1 - 5 * draw / (DRAWS - 1))
        yield f"a random step of {size:.2g}", move([size * data.normal(generator, *zero.shape) for zero in zeros])
        small = 1e-3 if draw % 2 else -1e-3
        yield f"one number changed by {small:g}", move(_one(zeros, small, generator))
    yield from _downhill(zeros, move, loss)


def _one(zeros: list[Tensor], size: float, generator: torch.Generator) -> list[Tensor]:
    """Steps of which all numbers but one are zero."""
    counts = [zero.numel() for zero in zeros]
    flat = zeros[-1].new_zeros(sum(counts))
    flat[torch.randint(len(flat), (), generator=generator)] = size
    return [step.reshape(zero.shape) for step, zero in zip(flat.split(counts), zeros, strict=True)]


def _downhill(zeros: list[Tensor], move: Callable[[list[Tensor]], Affine], loss: Loss) -> Rivals:
    """Steps down the gradient."""
    with torch.enable_grad():
        start = [zero.requires_grad_() for zero in zeros]
        slopes = torch.autograd.grad(loss(move(start)), start)
    length = float(sum(slope.square().sum() for slope in slopes) ** 0.5)
    for size in (1e-4, 1e-3, 1e-2, 1e-1):
        if length > 0:
            yield f"a step of {size:g} down the gradient", move([-size / length * slope for slope in slopes])


def exchanges(stitcher: Stitcher, affine: Affine) -> Rivals:
    """Maps of the family that join other neurons."""
    generator = data.seeded(18)
    for _ in range(EXCHANGES):
        yield "neurons exchanged", exchanged(affine, stitcher.family, generator)
