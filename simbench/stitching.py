"""Stitching two networks: the task a stitch is trained on, and how well the stitched network works."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from simbench.affine import Affine
from simbench.moments import Moments


@dataclass(frozen=True, eq=False)
class Task:
    """The Frankenstein learning task at one layer (paper, definition 3.2), front already run.

    activations: (n, c, h, w) or (n, p) of the front on the train images; the front never runs again.
    end: Model 2 above the layer, frozen, in eval mode, folded.
    soft: (n, classes) softmax outputs of Model 2. labels: (n,) int64.
    moments: of (front, Model 2's own representation) on the same images, rows spatial.
    seed: fixes the order of the batches and a random initialisation.
    """

    activations: Tensor
    end: nn.Sequential
    soft: Tensor
    labels: Tensor
    moments: Moments
    seed: int = 0

    def batches(self, size: int, epochs: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Shuffled (activations, soft, labels), every image once an epoch; the last batch may be short."""
        generator = torch.Generator().manual_seed(self.seed)
        for _ in range(epochs):
            for chosen in torch.randperm(len(self.labels), generator=generator).split(size):
                chosen = chosen.to(self.labels.device)
                yield self.activations[chosen], self.soft[chosen], self.labels[chosen]


def stitched_logits(affine: Affine, end: nn.Sequential, batches: Iterable[Tensor]) -> Tensor:
    """(n, classes) outputs of front -> affine -> end, from batches of the front's activations; or
    (k, n, classes) for k maps in one Affine, which share the pass over the activations."""
    parts = [forward(affine, end, batch) for batch in batches]
    return torch.cat(parts, -2)


def forward(affine: Affine, end: nn.Sequential, x: Tensor) -> Tensor:
    """Logits (n, classes) of the end on affine(x), or (k, n, classes) for k maps; differentiable.

    The k maps run as one batch: exact, because the end is frozen and in eval mode.
    """
    if affine.weight.ndim == 2:
        return end(affine(x))
    k, p, q = affine.weight.shape
    wide = Affine(affine.weight.permute(1, 0, 2).reshape(p, k * q),
                  None if affine.bias is None else affine.bias.reshape(k * q))
    y = wide(x).unflatten(1, (k, q)).transpose(0, 1).flatten(0, 1)
    return end(y).unflatten(0, (k, len(x)))


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Mean over the images of -sum_c target_c log softmax(logits)_c, in nats; logits (..., n, classes), target
    (n, classes) probabilities or (n,) labels. Leading dimensions stay."""
    log = functional.log_softmax(logits, -1)
    if target.ndim == 1:
        return -log.gather(-1, target.expand(log.shape[:-1]).unsqueeze(-1)).squeeze(-1).mean(-1)
    return -(target * log).sum(-1).mean(-1)


@dataclass(frozen=True)
class Score:
    """How well a stitched network works on an evaluation set.

    accuracy: share of correct labels. relative_accuracy: over the accuracy of Model 2.
    cross_entropy: to Model 2's soft labels, mean over images, in nats. agreement: share of images on
    which the stitched network and Model 2 predict the same class.
    """

    accuracy: float
    relative_accuracy: float
    cross_entropy: float
    agreement: float


def score(logits: Tensor, own: Tensor, labels: Tensor) -> Score:
    """Score of stitched logits (n, classes) against Model 2's `own` logits and the labels (n,)."""
    accuracy, reference = accuracy_of(logits, labels), accuracy_of(own, labels)
    return Score(
        accuracy,
        accuracy / reference if reference else float("nan"),
        float(cross_entropy(logits.double(), own.double().softmax(-1))),
        float((logits.argmax(-1) == own.argmax(-1)).double().mean()),
    )


def accuracy_of(logits: Tensor, labels: Tensor) -> float:
    """Share of the images whose largest logit is the label."""
    return float((logits.argmax(-1) == labels).double().mean())
