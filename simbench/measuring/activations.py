"""Activations of trained networks on the inputs of one setting, computed once and held while they fit in memory."""

from __future__ import annotations

import math
import time
from collections.abc import Container, Iterator
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn

from simbench.contracts.selection import Network, Selection, Setting
from simbench.contracts.task import Rows, take
from simbench.cutting import cut
from simbench.measuring.ahead import at_once, filled
from simbench.measuring.aligned import Aligned
from simbench.measuring.fronts import finite, joined, normalised_batches, run, run_front, run_layers
from simbench.measuring.held import Held, OnDemand
from simbench.measuring.sources import WHOLE, Sources
from simbench.networks import sampling
from simbench.networks.inputs import BATCH
from simbench.networks.stages import in_a_row
from simbench.networks.stages import stages as stages_of
from simbench.system import stopwatch

#: Bytes of activations in memory at once, held ones and those being computed. Others are computed again.
BUDGET = 3 * 2**28
#: Most inputs in view `flat`, whose work grows with the square of their number.
FLAT_INPUTS = 2000


@stopwatch.stages(batches="front passes", tensor="front passes")
class Activations(Sources):
    """Activations of the networks of one setting: `batches` is a stream in order, `tensor` gives them in one piece.
    Activations are computed from the deepest held layer of the same network below them, so a sweep over layers in
    order of depth costs one pass through each network. What is held changes no number.

    budget: bytes. flat: most inputs in view flat. batch: inputs of a pass. selection: layers that are read together.
    """

    def __init__(
        self,
        setting: Setting,
        device: str = "cpu",
        budget: int = BUDGET,
        flat: int = FLAT_INPUTS,
        batch: int = BATCH,
        selection: Selection | None = None,
    ) -> None:
        super().__init__(setting, device, batch)
        self.budget, self.flat, self.selection = budget, flat, selection
        self.held = Held(budget)
        self._outputs: dict[tuple[str, str], Tensor] = {}
        self._shapes: dict[tuple[str, str], tuple[int, ...]] = {}

    @torch.no_grad()
    def batches(self, network: Network, layer: str, split: str, hold: bool = False) -> Iterator[Tensor]:
        """Activations of all inputs of a split in order, in batches, from memory or computed on the way.

        hold: all are computed first and held, if they fit."""
        if hold and self.size(network, layer, split) <= self.budget:
            self.tensor(network, layer, split)
        below, stages = self.nearest(network, layer, split)
        yield from (run(stages, part, self.batch) for part in below)

    @torch.no_grad()
    def tensor(
        self,
        network: Network,
        layer: str,
        split: str,
        chosen: Tensor | None = None,
        lazy: bool = False,
        beside: Container = (),
    ) -> Rows:
        """Activations (n, c, h, w) or (n, p) of all inputs of a split, held from then on if they fit.

        chosen: (m,) int64, the inputs to return; if all do not fit, these alone are computed, and none is held.
        lazy: if all do not fit, return an object that computes those it is indexed with, as `chosen`.
        beside: keys (content, layer, split) of activations that stay held meanwhile.
        """
        if (lazy or chosen is not None) and self.size(network, layer, split) > self.budget:
            if chosen is None:
                return OnDemand(partial(self.tensor, network, layer, split))
            return self._of_chosen(network, layer, split, chosen)
        rows = self._of_all(network, layer, split, beside)
        return rows if chosen is None else take(rows, chosen.to(self.device))

    def _of_all(self, network: Network, layer: str, split: str, beside: Container) -> Tensor:
        key = (network.content, layer, split)
        if key in self.held:
            return self.held[key]
        start, layers = time.perf_counter(), at_once(self, network, layer, split)
        parts: Iterator[list[Tensor]] = run_layers(self, network, layers, split)
        if len(layers) == 1:
            below, stages = self.nearest(network, layer, split)
            parts = ([run(stages, batch, self.batch)] for batch in below)
        made = filled(parts, self.count(split), lambda size: self.held.make_room(size, beside))
        seconds = (time.perf_counter() - start) / sum(x.nbytes for x in made)
        for each, x in zip(layers, made, strict=True):
            self.held.keep((network.content, each, split), x, seconds * x.nbytes)
        return made[0]

    def _of_chosen(self, network: Network, layer: str, split: str, chosen: Tensor) -> Tensor:
        if isinstance(layer, Aligned):
            rows = cast("Tensor", self.tensor(network, layer.layer, split, chosen))
            return joined([run(layer.alone, part, self.batch) for part in rows.split(self.batch)])
        below, stages = self._below(network, layer, split)
        if below is None:
            return run_front(self, network, layer, self.inputs(split)[chosen.cpu()])
        return joined([run(stages, part, self.batch) for part in take(below, chosen.to(self.device)).split(self.batch)])

    def drawn(self, split: str, view: str) -> Tensor | None:
        """The inputs (m,) of a split that a view is taken of: at most `flat` for view flat, drawn with the setting's
        seed, in ascending order; None stands for all."""
        if view != "flat" or self.count(split) <= self.flat:
            return None
        return sampling.draw(self.count(split), self.flat, self.setting.seed)

    def size(self, network: Network, layer: str, split: str) -> int:
        """Bytes of the activations of all inputs."""
        return math.prod(self.shape(network, layer)) * 4 * self.count(split)

    def nearest(self, network: Network, layer: str, split: str) -> tuple[Iterator[Tensor], nn.Sequential]:
        """Batches of the held activations of the layer, of the deepest below it, or of the inputs, and the stages from
        there. Aligned layers, of which there may be many, start from those of the layer itself."""
        key = (network.content, layer, split)
        if key in self.held:
            return iter(self.held[key].split(self.batch)), nn.Sequential()
        if isinstance(layer, Aligned):
            return self.batches(network, layer.layer, split, hold=True), layer.alone
        below, stages = self._below(network, layer, split)
        if below is None:
            return normalised_batches(self, network, self.inputs(split)), stages
        return (part.clone() for part in below.split(self.batch)), stages  # a forward may write to its input

    def _below(self, network: Network, layer: str, split: str) -> tuple[Tensor | None, nn.Sequential]:
        """The deepest held activations below the layer, or None, and the stages from there; they give the output of the
        front to the last bit."""
        front = self.front(network, layer)
        for name in reversed(self._sufficient(network, layer)):
            key = (network.content, name, split)
            if key in self.held:
                return self.held[key], cut(front, name)[1]
        return None, front

    def between(self, network: Network, lower: str, layer: str) -> nn.Sequential | None:
        """The stages from one layer to another above it, which give its activations to the last bit; None where these
        do not follow from those of the lower layer alone."""
        return cut(self.front(network, layer), lower)[1] if lower in self._sufficient(network, layer) else None

    def _sufficient(self, network: Network, layer: str) -> list[str]:
        """The stages below a layer whose outputs alone give those of the layer."""
        if isinstance(layer, Aligned) or not in_a_row(self.net(network)):
            return []
        # A layer inside a stage leaves only a part of that stage in the front, under the name of the whole stage.
        # Held tokens have other axes than the stage after theirs takes.
        names = stages_of(self.front(network, layer))[:-1]
        return [name for name in names if not layer.startswith(f"{name}.") and self.layout(network, name) is None]

    def outputs(self, network: Network, split: str) -> Tensor:
        """Outputs (n, outputs) of the unstitched network. ArithmeticError if they are not finite."""
        key = (network.content, split)
        if key not in self._outputs:
            net = self.net(network)
            last = list(net._modules)[-1] if in_a_row(net) else WHOLE
            outputs = torch.cat(list(self.batches(network, last, split, hold=last == WHOLE)))
            self._outputs[key] = finite(outputs, f"the last layer of {network.name}")
        return self._outputs[key]

    @torch.no_grad()
    def shape(self, network: Network, layer: str) -> tuple[int, ...]:
        """Shape of one input's activations, (c, h, w) or (p,)."""
        key = (network.content, layer)
        if key not in self._shapes:
            (one,) = normalised_batches(self, network, self.inputs("test")[:1])
            self._shapes[key] = tuple(run(self.front(network, layer), one, 1).shape[1:])
        return self._shapes[key]
