"""A small stitching task with a known solution: a frozen network, activations and labels, generated from seeds."""

from __future__ import annotations

import copy
from collections.abc import Set
from functools import cache

import torch
from torch import Tensor, nn

from simbench.check.data import normal, seeded
from simbench.check.stitcher.families import planted
from simbench.check.stitcher.fits import rank
from simbench.contracts import Stitcher
from simbench.contracts.task import Batch, Task
from simbench.moments.affine import Affine
from simbench.moments.pair import Moments
from simbench.moments.views import rows
from simbench.system.surroundings import known

IMAGES, SIDE, CLASSES = 384, 4, 4
#: Widths (p, q) of the front and of the end.
EQUAL, NARROW_WIDE, WIDE_NARROW = (6, 6), (5, 7), (7, 5)


def network(q: int) -> nn.Sequential:
    """A new frozen end (n, q, SIDE, SIDE) -> (n, CLASSES) with seeded weights, whose first stage is a ReLU."""
    return copy.deepcopy(_network(q))


@cache
def _network(q: int) -> nn.Sequential:
    with known(q):
        end = nn.Sequential(nn.ReLU(), nn.Conv2d(q, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(32, CLASSES))
        with torch.no_grad():
            end[-1].weight *= 6  # outputs that differ from image to image
    return end.eval().requires_grad_(False)


def planted_task(p: int, q: int, affine: Affine) -> Task:
    """Stitch activations (n, p, SIDE, SIDE) into `network(q)`; the given map (p, q) reaches the minimum of the loss.

    Model 2's own representation is affine(activations) with its negative values times 3. The ReLU removes the
    difference, so the planted map gives exactly Model 2's outputs, while least squares does not find it. Model 1's
    outputs are Model 2's plus noise. Augmented images are mirrored.
    """
    return _task(*_drawn(p, q, affine), network(q))


def _drawn(p: int, q: int, affine: Affine) -> tuple[Tensor, ...]:
    """Activations of Model 1, activations of Model 2, outputs of Model 2, outputs of Model 1, and labels."""
    generator = seeded(20)
    x = normal(generator, IMAGES, p, SIDE, SIDE) @ normal(generator, SIDE, SIDE) / 2
    x = (x + normal(generator, p, 1, 1)).float()
    target = affine.to(x)(x)
    own = torch.where(target > 0, target, 3 * target)
    logits = _network(q)(own)
    others = logits + logits.std() * normal(generator, IMAGES, CLASSES).float() / 2
    return x, own, logits, others, logits.argmax(-1)


def _task(x: Tensor, own: Tensor, logits: Tensor, others: Tensor, labels: Tensor, end: nn.Sequential) -> Task:
    """A task of copies of these tensors, so that a stitcher that changes them changes no other task."""

    @torch.no_grad()
    def augmented(chosen: Tensor, generator: torch.Generator, wanted: Set[str]) -> Batch:
        turned = torch.rand(len(chosen), 1, 1, 1, generator=generator) < 0.5
        moved, other = (torch.where(turned, maps[chosen].flip(-1), maps[chosen]) for maps in (x, own))
        return Batch(moved, labels[chosen], others[chosen], end(other), other)

    return Task(
        x,
        end,
        logits,
        labels,
        Moments.of(rows(x, "spatial"), rows(own, "spatial")),
        seed=0,
        logits_a=others,
        own=own,
        augmented=augmented,
    )


def task_for(stitcher: Stitcher, sizes: tuple[int, int]) -> Task:
    """A new task of widths (p, q) whose planted map belongs to the stitcher's family."""
    p, q = sizes
    family = stitcher.family if stitcher.family != "orthogonal" or p <= q else "linear"
    return _task(*(x.clone() for x in _planted(family, p, q, rank(stitcher))), network(q))


@cache
def _planted(family: str, p: int, q: int, rank: int) -> tuple[Tensor, ...]:
    """The tensors of a task, drawn once, independently of settings that a plugin may change. Every task gets copies."""
    with known(0):
        return _drawn(p, q, planted(family, p, q, rank, family == "affine", seeded(21)))
