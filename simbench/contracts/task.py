"""The task that a stitch is trained on, as it is passed to a stitcher."""

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
    """Activations (m, c, h, w) or (m, p) by the positions (m,) of inputs: a tensor, or an object that computes them."""

    def __getitem__(self, chosen: Tensor) -> Tensor: ...


class Batch(NamedTuple):
    """The inputs of one training step. x: activations of the front. own: those of Model 2 at its layer. logits_a,
    logits_b: outputs of Model 1 and of Model 2. inputs: what the end takes after the activations, if it does (`Task`).
    Parts that were not requested are None."""

    x: Tensor
    labels: Tensor
    logits_a: Tensor | None = None
    logits_b: Tensor | None = None
    own: Tensor | None = None
    inputs: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Task:
    """The Frankenstein learning task at one layer (paper, definition 3.2), with the activations of the front.

    activations: of the front on the n train inputs, (n, c, h, w) or (n, p).
    end: Model 2 above the layer, frozen, in eval mode, folded. It takes activations; and the inputs of Model 2 after
        them where `inputs` is not None: ids and masks may be read again above the layer.
    logits_b: (n, outputs) of Model 2. labels: (n,) int64, or (n, outputs) of 0 and 1; see `objective`.
    moments: of (front, Model 2's own representation) on the same inputs, in view spatial.
    seed: fixes the order of the batches, augmentation and a random initialisation.
    logits_a: (n, outputs) of Model 1, None where it has other outputs. own: activations of Model 2 at its layer.
    augmented: (positions of inputs, generator, names of parts) -> Batch of these inputs after random augmentation,
        with activations and outputs of both networks computed again.
    inputs: (n, ...) as Model 2 takes them, where its end does.
    """

    activations: Rows
    end: nn.Module
    logits_b: Tensor
    labels: Tensor
    moments: Moments
    seed: int = 0
    objective: Objective = Objective()
    logits_a: Tensor | None = None
    own: Rows | None = None
    augmented: Callable[[Tensor, torch.Generator, Set[str]], Batch] | None = None
    inputs: Rows | None = None

    @cached_property
    def soft(self) -> Tensor:
        """(n, outputs) probabilities predicted by Model 2."""
        return self.objective.probabilities(self.logits_b)

    def batches(
        self, size: int, epochs: int, parts: Set[str] = frozenset({"logits_b"}), augment: bool = False
    ) -> Iterator[Batch]:
        """Shuffled batches, with every input once per epoch; the last batch of an epoch may be short.

        parts: the optional fields of `Batch` to fill in. augment: use `augmented`. Raises Inapplicable where this task
        does not have them.
        """
        for name in [*sorted(parts), *(["augmented"] if augment else [])]:
            if getattr(self, name) is None:
                raise Inapplicable(LACKING[name])
        augmented = self.augmented if augment else None
        import torch

        generator = torch.Generator().manual_seed(self.seed)
        for _ in range(epochs):
            for chosen in torch.split(torch.randperm(len(self.labels), generator=generator), size):
                if augmented is not None:
                    yield augmented(chosen, generator, parts)
                else:
                    chosen = chosen.to(self.labels.device)
                    yield Batch(
                        take(self.activations, chosen),
                        self.labels[chosen],
                        **{name: take(getattr(self, name), chosen) for name in parts},
                        inputs=None if self.inputs is None else take(self.inputs, chosen),
                    )


#: Optional field of a task -> why it may be None.
LACKING = {
    "logits_a": "Model 1 has other outputs than Model 2, so they cannot serve as labels",
    "logits_b": "this task does not include the outputs of Model 2",
    "own": "this task does not include the activations of Model 2",
    "augmented": "this task does not include inputs that can be augmented",
}


def take(rows: Rows, chosen: Tensor) -> Tensor:
    """The activations at positions `chosen` (m,). In channels-last memory those of an input are copied as one block,
    which is five times as fast as element by element."""
    import torch

    if isinstance(rows, torch.Tensor) and rows.ndim == 4 and rows.is_contiguous(memory_format=torch.channels_last):
        return rows.permute(0, 2, 3, 1).index_select(0, chosen).permute(0, 3, 1, 2)
    return rows[chosen]
