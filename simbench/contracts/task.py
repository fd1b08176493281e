"""The task that a stitch is trained on: what a stitcher is handed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Protocol

from simbench.contracts.objective import Objective
from simbench.errors import Inapplicable

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from simbench.moments.pair import Moments


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

    def batches(
        self, size: int, epochs: int, wanted: Set[str] = frozenset({"logits_b"}), augment: bool = False
    ) -> Iterator[Batch]:
        """Shuffled batches, every image once an epoch; the last of an epoch may be short. Raises Inapplicable
        where something wanted is not to be had."""
        for name in sorted(wanted):
            if getattr(self, name) is None:
                raise Inapplicable(_LACKING[name])
        augmented = self.augmented if augment else None
        if augment and augmented is None:
            raise Inapplicable("this task holds no images that could be augmented; take augment=false")
        import torch

        generator = torch.Generator().manual_seed(self.seed)
        for _ in range(epochs):
            for chosen in torch.split(torch.randperm(len(self.labels), generator=generator), size):
                if augmented is not None:
                    yield augmented(chosen, generator, wanted)
                else:
                    chosen = chosen.to(self.labels.device)
                    yield Batch(
                        take(self.activations, chosen),
                        self.labels[chosen],
                        **{name: take(getattr(self, name), chosen) for name in wanted},
                    )


_LACKING = {
    "logits_a": "Model 1 has other outputs than Model 2, so its labels cannot be used; take labels=soft",
    "logits_b": "the outputs of Model 2 are not known; take labels=hard",
    "own": "Model 2's own activations are not known, so no index of them can be penalised",
}


def take(rows: Rows, chosen: Tensor) -> Tensor:
    """Those of the chosen images (m,). In channels-last memory an image is copied whole, not number by number, which is
    five times as fast."""
    import torch

    if isinstance(rows, torch.Tensor) and rows.ndim == 4 and rows.is_contiguous(memory_format=torch.channels_last):
        return rows.permute(0, 2, 3, 1).index_select(0, chosen).permute(0, 3, 1, 2)
    return rows[chosen]
