"""Batches of augmented images, run through both networks of a stitch."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

import torch
from torch import Tensor

from simbench.contracts.selection import Network
from simbench.contracts.task import Batch
from simbench.measuring.aligned import Aligned
from simbench.measuring.fronts import reread_at_once, run_front
from simbench.measuring.sources import Sources
from simbench.networks.inputs import augmented
from simbench.system.stopwatch import stage
from simbench.system.surroundings import at_home


@dataclass(frozen=True, eq=False)
class Augmented:
    """Train images, cropped and mirrored at random, on their way through both networks of a stitch."""

    source: Sources
    a: Network
    layer_a: str
    b: Network
    layer_b: str

    @stage("front passes")
    def __call__(self, chosen: Tensor, generator: torch.Generator, parts: Set[str]) -> Batch:
        with at_home(), torch.no_grad():
            source = self.source
            images = augmented(source.inputs("train")[chosen], generator)
            aligned = self.layer_a if isinstance(self.layer_a, Aligned) else None
            raw = run_front(source, self.a, aligned.layer if aligned else self.layer_a, images)
            x = aligned.after(raw) if aligned else raw
            own = run_front(source, self.b, self.layer_b, images) if parts & {"own", "logits_b"} else None
            return Batch(
                x,
                source.labels("train")[chosen.to(source.device)],
                self._outputs(self.a, aligned.layer if aligned else self.layer_a, raw, images)
                if "logits_a" in parts
                else None,
                self._outputs(self.b, self.layer_b, own, images) if "logits_b" in parts else None,
                own if "own" in parts else None,
                reread_at_once(source, self.b, self.layer_b, images),
            )

    def _outputs(self, network: Network, layer: str, activations: Tensor, images: Tensor) -> Tensor:
        """(m, outputs) of a network from its activations at a layer."""
        given = reread_at_once(self.source, network, layer, images)
        end = self.source.end(network, layer)
        return end(activations) if given is None else end(activations, given)
