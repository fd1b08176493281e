"""Stitched networks: their outputs, and how well they work."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import repeat

import torch
from torch import Tensor, nn

from simbench.contracts.objective import Objective
from simbench.moments.affine import Affine
from simbench.system.stopwatch import stage

#: Images that pass through an end together where several maps share a batch: on a CPU, larger passes are no faster an
#: image (and smaller ones are slower); a GPU is launched on fewer times.
TOGETHER = {"cpu": 128, "cuda": 2**14}


def shares(maps: int, images: int, device: torch.device) -> list[slice]:
    """Which of k maps pass a batch of images through an end together: all of them, in shares of TOGETHER images."""
    step = max(1, TOGETHER.get(device.type, TOGETHER["cuda"]) // max(images, 1))
    return [slice(at, at + step) for at in range(0, maps, step)]


@stage("evaluating stitches")
def stitched_logits(
    affine: Affine, end: nn.Module, batches: Iterable[Tensor], inputs: Iterable[Tensor | None] = repeat(None)
) -> Tensor:
    """(n, outputs) of front -> affine -> end, from batches of the front's activations; or (k, n, outputs) for k
    maps in one Affine, which share the pass over the activations. inputs: of the network of the end, in the same
    batches, where its end reads them again."""
    parts = [forward(affine, end, batch, given) for batch, given in zip(batches, inputs, strict=False)]
    return torch.cat(parts, -2)


def forward(affine: Affine, end: nn.Module, x: Tensor, inputs: Tensor | None = None) -> Tensor:
    """Logits (n, outputs) of the end on affine(x), or (k, n, outputs) for k maps; differentiable.

    inputs: (n, ...), given to the end after the activations. Maps that run as one batch are free of each other, because
    the end is frozen and in eval mode.
    """
    if affine.weight.ndim == 2:
        return end(affine(x)) if inputs is None else end(affine(x), inputs)
    parts = []
    for some in shares(len(affine.weight), len(x), x.device):
        parts.append(pass_together(affine[some], end, x, inputs)[1])
    return torch.cat(parts)


def pass_together(affine: Affine, end: nn.Module, x: Tensor, inputs: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Activations (k, n, ...) and logits (k, n, outputs) of k maps, which run through the end as one batch; each map is
    given the same inputs (n, ...)."""
    moved = affine.each(x)
    again = () if inputs is None else (inputs.repeat(len(moved), *[1] * (inputs.ndim - 1)),)
    return moved, end(moved.flatten(0, 1), *again).unflatten(0, moved.shape[:2])


@dataclass(frozen=True)
class Score:
    """How well a stitched network works on the test split: `simbench.contracts.bench.Score` says what each is."""

    accuracy: float
    relative_accuracy: float
    cross_entropy: float
    kl_divergence: float
    agreement: float
    per_attribute: dict[str, float]


@stage("evaluating stitches")
def score(logits: Tensor, own: Tensor, labels: Tensor, objective: Objective = Objective()) -> Score:
    """Score of stitched logits (n, outputs) against Model 2's `own` logits and the labels."""
    relative = objective.relative(logits, own, labels)
    return Score(
        float(objective.accuracy(logits, labels)),
        float(relative.mean()) if bool(relative.isfinite().all()) else float("nan"),
        float(objective.error(logits, own, labels)),
        float(objective.divergence(logits, own).mean()),
        float(objective.accuracy(logits, objective.predictions(own))),
        dict(zip(objective.attributes, relative.tolist(), strict=True)) if objective.attributes else {},
    )
