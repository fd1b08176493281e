"""Stitching two networks: the task a stitch is trained on, and how well the stitched network works."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

from simbench.affine import Affine
from simbench.errors import Inapplicable
from simbench.moments import Moments
from simbench.objective import Objective
from simbench.stopwatch import stage


class Rows(Protocol):
    """What gives the activations (m, c, h, w) or (m, p) of chosen images (m,): a tensor, or one who computes them."""

    def __getitem__(self, chosen: Tensor) -> Tensor: ...


class Batch(NamedTuple):
    """One step's share of a Task. x: activations of the front. own: those of Model 2 at its layer. logits_a, logits_b:
    outputs of Model 1 and of Model 2. What was not wanted is None."""

    x: Tensor
    labels: Tensor
    logits_a: Tensor | None = None
    logits_b: Tensor | None = None
    own: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Task:
    """The Frankenstein learning task at one layer (paper, definition 3.2), front already run.

    activations: of the front on the n train images, (n, c, h, w) or (n, p).
    end: Model 2 above the layer, frozen, in eval mode, folded.
    logits_b: (n, outputs) of Model 2. labels: (n,) int64, or (n, outputs) of 0 and 1; see `objective`.
    moments: of (front, Model 2's own representation) on the same images, rows spatial.
    seed: fixes the order of the batches, augmentation and a random initialisation.
    logits_a: (n, outputs) of Model 1, None where it has other outputs. own: activations of Model 2 at its layer.
    augmented: (chosen images, generator, names of what is wanted) -> a Batch of randomly cropped and mirrored
        images, run through both networks anew.
    """

    activations: Rows
    end: nn.Sequential
    logits_b: Tensor
    labels: Tensor
    moments: Moments
    seed: int = 0
    objective: Objective = Objective()
    logits_a: Tensor | None = None
    own: Rows | None = None
    augmented: Callable[[Tensor, torch.Generator, Set[str]], Batch] | None = None

    @cached_property
    def soft(self) -> Tensor:
        """(n, outputs) probabilities that Model 2 gives."""
        return self.objective.probabilities(self.logits_b)

    def batches(self, size: int, epochs: int, wanted: Set[str] = frozenset({"logits_b"}),
                augment: bool = False) -> Iterator[Batch]:
        """Shuffled batches, every image once an epoch; the last of an epoch may be short. Raises Inapplicable
        where something wanted is not to be had."""
        for name in sorted(wanted):
            if getattr(self, name) is None:
                raise Inapplicable(_LACKING[name])
        if augment and self.augmented is None:
            raise Inapplicable("this task holds no images that could be augmented; take augment=false")
        generator = torch.Generator().manual_seed(self.seed)
        for _ in range(epochs):
            for chosen in torch.randperm(len(self.labels), generator=generator).split(size):
                if augment:
                    yield self.augmented(chosen, generator, wanted)
                else:
                    chosen = chosen.to(self.labels.device)
                    yield Batch(of_images(self.activations, chosen), self.labels[chosen],
                                **{name: of_images(getattr(self, name), chosen) for name in wanted})


_LACKING = {"logits_a": "Model 1 has other outputs than Model 2, so its labels cannot be used; take labels=soft",
            "logits_b": "the outputs of Model 2 are not known; take labels=hard",
            "own": "Model 2's own activations are not known, so no index of them can be penalised"}


def of_images(rows: Rows, chosen: Tensor) -> Tensor:
    """Those of the chosen images (m,). In channels-last memory an image is copied whole, not number by number, which is
    five times as fast."""
    if isinstance(rows, Tensor) and rows.ndim == 4 and rows.is_contiguous(memory_format=torch.channels_last):
        return rows.permute(0, 2, 3, 1).index_select(0, chosen).permute(0, 3, 1, 2)
    return rows[chosen]


#: Images that pass through an end together where several maps share a batch: on a CPU, larger passes are no faster an
#: image (and smaller ones are slower); a GPU is launched on fewer times.
TOGETHER = {"cpu": 128, "cuda": 2**14}


def shares(maps: int, images: int, device: torch.device) -> list[slice]:
    """Which of k maps pass a batch of images through an end together: all of them, in shares of TOGETHER images."""
    step = max(1, TOGETHER.get(device.type, TOGETHER["cuda"]) // max(images, 1))
    return [slice(at, at + step) for at in range(0, maps, step)]


@stage("evaluating stitches")
def stitched_logits(affine: Affine, end: nn.Sequential, batches: Iterable[Tensor]) -> Tensor:
    """(n, outputs) of front -> affine -> end, from batches of the front's activations; or (k, n, outputs) for k
    maps in one Affine, which share the pass over the activations."""
    parts = [forward(affine, end, batch) for batch in batches]
    return torch.cat(parts, -2)


def forward(affine: Affine, end: nn.Sequential, x: Tensor) -> Tensor:
    """Logits (n, outputs) of the end on affine(x), or (k, n, outputs) for k maps; differentiable.

    Maps that run as one batch are free of each other, because the end is frozen and in eval mode.
    """
    if affine.weight.ndim == 2:
        return end(affine(x))
    parts = []
    for some in shares(len(affine.weight), len(x), x.device):
        moved = Affine(affine.weight[some], None if affine.bias is None else affine.bias[some]).each(x)
        parts.append(end(moved.flatten(0, 1)).unflatten(0, moved.shape[:2]))
    return torch.cat(parts)


@dataclass(frozen=True)
class Score:
    """How well a stitched network works on an evaluation set.

    accuracy: share of correct labels. relative_accuracy: over the accuracy of Model 2, the mean over the
    attributes where images have several labels; NaN where Model 2 is never right. cross_entropy: to Model 2's
    soft labels, mean over images (and attributes), in nats. agreement: share of labels on which the stitched
    network and Model 2 predict the same. per_attribute: relative accuracy by name.
    """

    accuracy: float
    relative_accuracy: float
    cross_entropy: float
    agreement: float
    per_attribute: dict[str, float]


@stage("evaluating stitches")
def score(logits: Tensor, own: Tensor, labels: Tensor, objective: Objective = Objective()) -> Score:
    """Score of stitched logits (n, outputs) against Model 2's `own` logits and the labels."""
    relative = objective.shares(logits, labels) / objective.shares(own, labels)
    return Score(
        float(objective.accuracy(logits, labels)),
        float(relative.mean()) if bool(relative.isfinite().all()) else float("nan"),
        float(objective.cross_entropy(logits.double(), objective.probabilities(own.double()))),
        float(objective.accuracy(logits, objective.predictions(own))),
        dict(zip(objective.attributes, relative.tolist(), strict=True)) if objective.attributes else {},
    )
