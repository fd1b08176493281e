"""Rivals: other maps of the family, with which the map of a stitcher is compared."""

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
#: The loss that a stitcher minimises: 0-dim for one map, (k,) for a stack of k maps.
Loss = Callable[[Affine], Tensor]
#: Descriptions of k maps, and the stack of these maps.
Rivals = tuple[list[str], Affine]


def moves(stitcher: Stitcher, affine: Affine, loss: Loss) -> Iterator[Rivals]:
    """Maps of the family around this one."""
    zeros, move = chart(affine, stitcher.family, rank(stitcher))
    if not any(zero.numel() for zero in zeros):
        return
    generator = data.seeded(17)
    sizes = torch.logspace(1, -4, DRAWS, dtype=torch.float64)
    steps = [_times(sizes, data.normal(generator, DRAWS, *zero.shape)) for zero in zeros]
    yield [f"a random step of {size:.2g}" for size in sizes.tolist()], move(steps)
    small = torch.tensor([-1e-3, 1e-3], dtype=torch.float64).repeat(DRAWS // 2)
    yield [f"one number changed by {size:g}" for size in small.tolist()], move(_one(zeros, small, generator))
    yield from _downhill(zeros, move, loss)


def _times(sizes: Tensor, steps: Tensor) -> Tensor:
    """Steps (k, ...) times sizes (k,)."""
    return sizes.reshape(-1, *[1] * (steps.ndim - 1)) * steps


def _one(zeros: list[Tensor], sizes: Tensor, generator: torch.Generator) -> list[Tensor]:
    """Steps in which all numbers except one are zero; sizes (k,) are the values of that number."""
    counts = [zero.numel() for zero in zeros]
    flat = sizes.new_zeros(len(sizes), sum(counts))
    flat[torch.arange(len(sizes)), torch.randint(sum(counts), sizes.shape, generator=generator)] = sizes
    return [step.reshape(len(sizes), *zero.shape) for step, zero in zip(flat.split(counts, dim=1), zeros, strict=True)]


def _downhill(zeros: list[Tensor], move: Callable[[list[Tensor]], Affine], loss: Loss) -> Iterator[Rivals]:
    """Steps down the gradient."""
    with torch.enable_grad():
        start = [zero.requires_grad_() for zero in zeros]
        slopes = torch.autograd.grad(loss(move(start)), start)
    length = float(sum(slope.square().sum() for slope in slopes) ** 0.5)
    if length > 0:
        sizes = torch.tensor([1e-4, 1e-3, 1e-2, 1e-1], dtype=torch.float64)
        steps = [_times(-sizes / length, slope[None]) for slope in slopes]
        yield [f"a step of {size:g} down the gradient" for size in sizes.tolist()], move(steps)


def exchanges(stitcher: Stitcher, affine: Affine) -> Iterator[Rivals]:
    """Maps of the family that match other neurons."""
    generator = data.seeded(18)
    weights = torch.stack([exchanged(affine.weight, stitcher.family, generator) for _ in range(EXCHANGES)])
    bias = None if affine.bias is None else affine.bias.expand(EXCHANGES, -1)
    yield ["neurons exchanged"] * EXCHANGES, Affine(weights, bias)
