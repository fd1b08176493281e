"""Roundings: the moments of one pair of rows, as other orders of its batches and other processors give them.

The last bits of a sum depend on the processor, but whether a plugin that depends on them is detected must not. So the
numbers are perturbed here on purpose, and every processor sees roundings other than its own.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from simbench.check import data
from simbench.check.data import Pair
from simbench.moments.pair import Moments

#: How many times the rounding of each number is drawn, seeded.
DRAWS = 8
#: A drawn rounding of a comoment, relative to the product of its two deviations. A sum of n products in any order is
#: off by at most n eps times that, and typically by sqrt(n) eps: for 64 rows, 8 eps.
SIZE = 4 * torch.finfo(torch.float64).eps


def roundings(pair: Pair) -> list[Moments]:
    """The moments of a pair, with every rounding that is tried.

    They are: as a whole; merged from four batches forwards, backwards and in twos; with every number raised and lowered
    by one unit in its last place; and with `DRAWS` random roundings of each number.
    """
    whole = Moments.of(pair.a, pair.b)
    generator = data.seeded(19)
    return [
        whole,
        *_merged(pair),
        *(_stepped(whole, towards) for towards in (torch.inf, -torch.inf)),
        *(_drawn(whole, generator) for _ in range(DRAWS)),
    ]


def _merged(pair: Pair) -> list[Moments]:
    sizes = [1, 20, 7, len(pair.a) - 28]
    w, x, y, z = (Moments.of(a, b) for a, b in zip(pair.a.split(sizes), pair.b.split(sizes), strict=True))
    return [w + x + y + z, z + y + x + w, (x + z) + (w + y)]


def _stepped(m: Moments, towards: float) -> Moments:
    """The next float64 in one direction: the lowest bit of every number except 0 flips. Zeros are exact: a constant
    feature has no rounding."""

    def step(x: Tensor) -> Tensor:
        return torch.where(x == 0, x, torch.nextafter(x, torch.full_like(x, towards)))

    return _with(m, step(m.aa), step(m.bb), step(m.ab), step(m.mean_a), step(m.mean_b))


def _drawn(m: Moments, generator: torch.Generator) -> Moments:
    """Every number moved by a random share of `SIZE` times the scale of its terms; both sides stay symmetric."""
    a, b = (x.diagonal().clamp_min(0).sqrt() for x in (m.aa, m.bb))

    def draw(x: Tensor, scale: Tensor) -> Tensor:
        return x + SIZE * scale * (2 * torch.rand(x.shape, generator=generator, dtype=x.dtype) - 1)

    def symmetric(x: Tensor, scale: Tensor) -> Tensor:
        upper = draw(x, torch.outer(scale, scale)).triu()
        return upper + upper.triu(1).mT

    return _with(
        m,
        symmetric(m.aa, a),
        symmetric(m.bb, b),
        draw(m.ab, torch.outer(a, b)),
        draw(m.mean_a, m.mean_a.abs()),
        draw(m.mean_b, m.mean_b.abs()),
    )


def _with(m: Moments, aa: Tensor, bb: Tensor, ab: Tensor, mean_a: Tensor, mean_b: Tensor) -> Moments:
    return Moments(replace(m.a, matrix=aa, mean=mean_a), replace(m.b, matrix=bb, mean=mean_b), ab)
