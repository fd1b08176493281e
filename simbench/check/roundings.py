"""Roundings: the moments of one pair of rows, as batches in other orders and other processors give them.

What a processor does with the last bits is luck: whether a plugin that lives on them is found must not be. Here the
numbers are moved on purpose, so that every processor meets roundings other than its own.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from simbench.check import data
from simbench.check.data import Pair
from simbench.moments.pair import Moments

#: Seeded draws of a rounding of each number.
DRAWS = 8
#: A drawn rounding of a comoment, relative to the product of its two deviations. A sum of n products in any order is
#: off by less than n eps of that, and by about its root: of 64 rows, 8 eps at the outside.
SIZE = 4 * torch.finfo(torch.float64).eps


def roundings(pair: Pair) -> list[Moments]:
    """The moments of a pair: whole; merged from four batches forwards, backwards and two by two; with every number one
    unit in its last place up, and down; and with `DRAWS` drawn roundings of each."""
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
    w, x, y, z = (Moments.of(a, b) for a, b in zip(pair.a.split(sizes), pair.b.split(sizes)))
    return [w + x + y + z, z + y + x + w, (x + z) + (w + y)]


def _stepped(m: Moments, towards: float) -> Moments:
    """The next float64 in one direction: the lowest bit of every number but 0 turns. Zeros are exact: a constant
    feature has no rounding."""

    def step(x: Tensor) -> Tensor:
        return torch.where(x == 0, x, torch.nextafter(x, torch.full_like(x, towards)))

    return _with(m, step(m.aa), step(m.bb), step(m.ab), step(m.mean_a), step(m.mean_b))


def _drawn(m: Moments, generator: torch.Generator) -> Moments:
    """Every number off by a random part of `SIZE` of what was summed in it; both sides stay symmetric."""
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
