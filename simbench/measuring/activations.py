"""Activations of trained networks on the inputs of one setting, computed once and held while they fit."""

from __future__ import annotations

import math
import time
from collections.abc import Container, Iterator
from functools import partial

import torch
from torch import Tensor, nn

from simbench.contracts.selection import Network, Setting
from simbench.contracts.task import Rows, take
from simbench.measuring.held import Held, OnDemand
from simbench.measuring.sources import Sources
from simbench.moments.layers import LayerMoments
from simbench.moments.views import rows
from simbench.networks import sampling
from simbench.networks.cut import cut
from simbench.networks.inputs import BATCH, normalised
from simbench.networks.stages import stages as stages_of
from simbench.system import stopwatch
from simbench.system.surroundings import abroad

#: Bytes that activations take at once, held ones and those being made. What does not fit is computed again.
BUDGET = 2**30
#: Inputs of view `flat`, whose work grows with the square of their number.
FLAT_INPUTS = 2000


@stopwatch.stages(batches="front passes", tensor="front passes", through="front passes")
class Activations(Sources):
    """Forward passes through the networks of one setting.

    Ask for `batches` in order, for one `tensor` of all or of chosen inputs, for a `lookup` that computes chosen ones
    when they are needed, for the `sample` that a view is taken of, or send inputs of your own `through` a front. A
    representation is continued from the deepest held one of the same network below it, so that a sweep over layers in
    order of depth costs one pass through each network. budget: bytes. flat: the most inputs in view flat.
    """

    def __init__(self, setting: Setting, device: str = "cpu", budget: int = BUDGET, flat: int = FLAT_INPUTS) -> None:
        super().__init__(setting, device)
        self.budget, self.flat = budget, flat
        self._held = Held(budget)
        self._outputs: dict[tuple[str, str], Tensor] = {}
        self._shapes: dict[tuple[str, str], tuple[int, ...]] = {}

    @torch.no_grad()
    def batches(self, network: Network, layer: str, split: str, hold: bool = False) -> Iterator[Tensor]:
        """Activations in batches of BATCH inputs, in order: held ones, or computed on the way. hold: they are
        held from now on if they fit."""
        if hold and self._bytes(network, layer, split) <= self.budget:
            self.tensor(network, layer, split)
        key = (network.content, layer, split)
        if key in self._held:
            yield from self._held[key].split(BATCH)
        else:
            source, stages = self._nearest(network, layer, split)
            yield from (_through(stages, part) for part in source)

    @torch.no_grad()
    def tensor(
        self, network: Network, layer: str, split: str, chosen: Tensor | None = None, beside: Container = ()
    ) -> Tensor:
        """Activations (n, c, h, w) or (n, p) of all inputs, held from now on while they fit; or of the chosen ones
        (m,), computed the shortest way and not held. beside: keys (content, layer, split) that stay held meanwhile."""
        if chosen is None:
            return self._all(network, layer, split, beside)
        held, above = self._below(network, layer, split)
        if held is None:
            return self.through(network, layer, self.inputs(split)[chosen.cpu()])
        return _joined([_through(above, part) for part in take(held, chosen).split(BATCH)])

    def _all(self, network: Network, layer: str, split: str, beside: Container) -> Tensor:
        key = (network.content, layer, split)
        if key in self._held:
            return self._held[key]
        began = time.perf_counter()
        source, above = self._nearest(network, layer, split)
        x, at = None, 0
        for part in (_through(above, batch) for batch in source):
            if x is None:
                self._held.make_room(part[0].nbytes * self.count(split), beside)
                x = torch.empty(
                    (self.count(split), *part.shape[1:]),
                    dtype=part.dtype,
                    device=part.device,
                    memory_format=torch.channels_last if part.ndim == 4 else torch.contiguous_format,
                )
            x[at : at + len(part)] = part
            at += len(part)
        self._held.keep(key, x, time.perf_counter() - began)
        return x

    def lookup(self, network: Network, layer: str, split: str) -> Rows:
        """Gives the activations of chosen inputs: a tensor of all, or, where that is too large to hold, an object that
        runs the stages above the deepest held representation at every call."""
        if self._bytes(network, layer, split) > self.budget:
            return OnDemand(partial(self.tensor, network, layer, split))
        return self.tensor(network, layer, split)

    def sample(self, network: Network, layer: str, split: str, view: str) -> Tensor:
        """Activations of the inputs that a view is taken of: all, or for view flat at most `flat`, drawn with the
        setting's seed."""
        if self.sampled(split, view) == self.count(split):
            return self.tensor(network, layer, split)
        chosen = sampling.draw(self.count(split), self.flat, self.setting.seed)
        return take(self.lookup(network, layer, split), chosen.to(self.device))

    def sampled(self, split: str, view: str) -> int:
        """Number of those inputs."""
        return min(self.count(split), self.flat) if view == "flat" else self.count(split)

    def _bytes(self, network: Network, layer: str, split: str) -> int:
        return math.prod(self.shape(network, layer)) * 4 * self.count(split)

    @torch.no_grad()
    def through(self, network: Network, layer: str, inputs: Tensor) -> Tensor:
        """Activations of inputs (m, c, h, w) as of `inputs`, BATCH at a time."""
        front, home = self.halves(network, layer)[0], network.home(self.setting)
        return _joined([_through(front, normalised(part, home, self.device)) for part in inputs.split(BATCH)])

    def _nearest(self, network: Network, layer: str, split: str) -> tuple[Iterator[Tensor], nn.Sequential]:
        """Batches of the deepest held representation below the layer (or of the inputs), and the stages
        from there to the layer."""
        held, above = self._below(network, layer, split)
        if held is not None:
            return (part.clone() for part in held.split(BATCH)), above  # a forward may write to what it is given
        home = network.home(self.setting)
        return (normalised(part, home, self.device) for part in self.inputs(split).split(BATCH)), above

    def _below(self, network: Network, layer: str, split: str) -> tuple[Tensor | None, nn.Sequential]:
        """The deepest held representation that the front passes through, None where there are only the inputs, and the
        stages from there to the layer: to the last bit what the front gives."""
        front = self.halves(network, layer)[0]
        # A stage that the layer cuts short is there in part only, by the name of the whole.
        whole = [name for name in stages_of(front)[:-1] if not layer.startswith(f"{name}.")]
        for name in reversed(whole):
            key = (network.content, name, split)
            if key in self._held:
                return self._held[key], cut(front, name)[1]
        return None, front

    def outputs(self, network: Network, split: str) -> Tensor:
        """(n, classes) outputs of the unstitched network."""
        key = (network.content, split)
        if key not in self._outputs:
            last = list(self.net(network)._modules)[-1]
            outputs = torch.cat(list(self.batches(network, last, split)))
            self._outputs[key] = finite(outputs, f"the last layer of {network.name}")
        return self._outputs[key]

    def stack(self, members: tuple[tuple[Network, str], ...], split: str, view: str) -> LayerMoments:
        """Moments of all the (network, layer) members side by side, in one pass over the inputs.

        A member with NaN or infinite activations spoils the pairs it is in, and no other.
        """
        size = sum(self._bytes(*member, split) for member in members)
        if size <= self.budget:
            together = {(network.content, layer, split) for network, layer in members}
            for network, layer in members:
                self.tensor(network, layer, split, beside=together)
        batches = zip(*(self.batches(network, layer, split) for network, layer in members), strict=True)
        return LayerMoments.of([rows(x, view) for x in batch] for batch in batches)

    @torch.no_grad()
    def shape(self, network: Network, layer: str) -> tuple[int, ...]:
        """Shape of one input's activation, (c, h, w) or (p,)."""
        key = (network.content, layer)
        if key not in self._shapes:
            front, one = self.halves(network, layer)[0], self.inputs("test")[:1]
            with abroad():
                self._shapes[key] = tuple(front(normalised(one, network.home(self.setting), self.device)).shape[1:])
        return self._shapes[key]


def _through(stages: nn.Sequential, x: Tensor) -> Tensor:
    """What the stages, which are code of a model, make of a batch (m, ...), maps in channels-last memory as they are
    held.

    Always BATCH inputs pass together, some of them twice: matrix products of another number of rows add up in another
    order, which processor, threads and sizes decide. An input's activations must not depend on its batch.
    """
    few = len(x) < BATCH
    with abroad():
        y = stages(take(x, torch.arange(BATCH, device=x.device) % len(x)) if few else x)
    y = y[: len(x)] if few else y
    return y.contiguous(memory_format=torch.channels_last) if y.ndim == 4 else y


def _joined(parts: list[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def finite(x: Tensor, what: str) -> Tensor:
    """x itself; raises ArithmeticError when it holds NaN or infinite values."""
    if not bool(torch.isfinite(x).all()):
        raise ArithmeticError(f"{what} holds NaN or infinite activations")
    return x
