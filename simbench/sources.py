"""Where a task has its activations from: computed at every call, made when first asked for, of augmented images."""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from simbench.cases import Network
from simbench.handed import SMALL
from simbench.images import augmented
from simbench.stitching import Batch, Rows, of_images
from simbench.stopwatch import stage
from simbench.surroundings import at_home

if TYPE_CHECKING:
    from simbench.activations import Activations


@dataclass(frozen=True, eq=False)
class OnDemand:
    """Activations of chosen images of a split, (m,) -> (m, ...), computed at every call."""

    source: Activations
    network: Network
    layer: str
    split: str

    def __getitem__(self, chosen: Tensor) -> Tensor:
        return self.source.chosen(self.network, self.layer, self.split, chosen)


class Later:
    """Activations that are made when they are first asked for, in the surroundings of the host, and of which copies are
    given."""

    def __init__(self, make: Callable[[], Rows]) -> None:
        self._rows = cache(make)

    def __getitem__(self, chosen: Tensor) -> Tensor:
        with at_home():
            rows = self._rows()
            if not isinstance(rows, Tensor):
                return rows[chosen]
            listed = isinstance(chosen, Tensor) and chosen.dtype == torch.int64 and chosen.ndim == 1
            return of_images(rows, chosen) if listed else rows[chosen].clone()


def shown(held: Rows) -> Rows:
    """What a task shows of activations: large ones by the images that are asked for, as those that are computed at
    every call, so that nobody needs a copy of all."""
    return held if isinstance(held, Tensor) and held.nbytes <= SMALL else Later(lambda: held)


@dataclass(frozen=True, eq=False)
class Augmented:
    """Train images, cropped and mirrored at random, on their way through both networks of a stitch."""

    source: Activations
    a: Network
    layer_a: str
    b: Network
    layer_b: str

    @stage("front passes")
    def __call__(self, chosen: Tensor, generator: torch.Generator, wanted: Set[str]) -> Batch:
        with at_home(), torch.no_grad():
            source = self.source
            images = augmented(source.images("train")[chosen], generator)
            x = source.of(self.a, self.layer_a, images)
            own = source.of(self.b, self.layer_b, images) if wanted & {"own", "logits_b"} else None
            return Batch(x, source.labels("train")[chosen.to(source.device)],
                         source.end(self.a, self.layer_a)(x) if "logits_a" in wanted else None,
                         source.end(self.b, self.layer_b)(own) if "logits_b" in wanted else None,
                         own if "own" in wanted else None)
