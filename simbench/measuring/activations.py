"""Activations of trained networks on the images of one setting, computed once and held while they fit."""

from __future__ import annotations

import math
import time
from collections.abc import Container, Iterator
from functools import cached_property, partial

import torch
from torch import Tensor, nn

from simbench.contracts import splits
from simbench.contracts.objective import Objective
from simbench.contracts.selection import Network, Setting
from simbench.contracts.task import Rows, take
from simbench.errors import Undefined
from simbench.measuring.held import Held, OnDemand
from simbench.moments.coordinates import principal_coordinates, rounding_only
from simbench.moments.layers import LayerMoments
from simbench.moments.precision import precision
from simbench.moments.scatter import Scatter
from simbench.moments.views import rows
from simbench.networks import weights
from simbench.networks.cut import cut
from simbench.networks.fold import fold
from simbench.networks.images import BATCH, draw, normalised
from simbench.networks.stages import stages as stages_of
from simbench.system.stopwatch import stage, stages
from simbench.system.surroundings import abroad

#: Bytes that activations take at once, held ones and those being made. What does not fit is computed again.
BUDGET = 2**30
#: Images of view `flat`, whose work grows with the square of their number.
FLAT_IMAGES = 2000


@stages(batches="front passes", all="front passes", of="front passes", chosen="front passes")
class Activations:
    """Forward passes through the networks of one setting.

    A representation is continued from the deepest held one of the same network below it, so that a sweep
    over layers in order of depth costs one pass through each network.
    """

    def __init__(self, setting: Setting, device: str = "cpu", budget: int = BUDGET) -> None:
        self.setting, self.device, self.budget = setting, torch.device(device), budget
        self.objective = Objective.of(setting.dataset)
        self._held = Held(budget)
        self._nets: dict[str, nn.Sequential] = {}
        self._whole: dict[str, nn.Sequential] = {}
        self._cuts: dict[tuple[str, str], tuple[nn.Sequential, nn.Sequential]] = {}
        self._logits: dict[tuple[str, str], Tensor] = {}
        self._shapes: dict[tuple[str, str], tuple[int, ...]] = {}
        if self.device.type == "cuda":  # TF32 keeps 10 bits, and records of all devices are one
            torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False

    @cached_property
    def _images(self) -> dict[str, tuple[Tensor, Tensor]]:
        setting = self.setting
        with stage("reading data"):
            with abroad():
                parts = {name: splits.read(setting.dataset, name) for name in splits.SPLITS}
            return {
                name: draw(split, setting.limit, setting.seed, setting.dataset.range) for name, split in parts.items()
            }

    def labels(self, split: str) -> Tensor:
        """(n,) or (n, attributes) int64 on the device."""
        return self._images[split][1].to(self.device)

    def count(self, split: str) -> int:
        """Number of images."""
        return len(self._images[split][0])

    def net(self, network: Network) -> nn.Sequential:
        """The whole network, frozen, in eval mode."""
        if network.content not in self._nets:
            self._nets[network.content] = weights.load(network, network.home(self.setting), self.device)
        return self._nets[network.content]

    def halves(self, network: Network, layer: str) -> tuple[nn.Sequential, nn.Sequential]:
        """Representation map R_L and task map T_L with batch norms folded, which all cuts of a network share but those
        between a convolution and its batch norm."""
        key = (network.content, layer)
        if key not in self._cuts:
            parts = cut(self.net(network), layer)
            if network.content not in self._whole:
                self._whole[network.content] = fold(self.net(network))
            whole = self._whole[network.content]
            parts = cut(whole, layer) if layer in stages_of(whole) else map(fold, parts)
            self._cuts[key] = tuple(part.eval() for part in parts)
        return self._cuts[key]

    def end(self, network: Network, layer: str) -> nn.Sequential:
        """Task map T_L: everything above the layer, batch norms folded."""
        return self.halves(network, layer)[1]

    @torch.no_grad()
    def batches(self, network: Network, layer: str, split: str, hold: bool = False) -> Iterator[Tensor]:
        """Activations in batches of BATCH images, in order: held ones, or computed on the way. hold: they are
        held from now on if they fit."""
        if hold and self._bytes(network, layer, split) <= self.budget:
            self.all(network, layer, split)
        key = (network.content, layer, split)
        if key in self._held:
            yield from self._held[key].split(BATCH)
        else:
            source, stages = self._nearest(network, layer, split)
            yield from (_through(stages, part) for part in source)

    def all(self, network: Network, layer: str, split: str, beside: Container = ()) -> Tensor:
        """Activations of every image, (n, c, h, w) or (n, p); held from now on while they fit. beside: keys (content,
        layer, split) of what is not forgotten for them."""
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

    def rows(self, network: Network, layer: str, split: str) -> Rows:
        """What gives the activations of chosen images: all of them, or, where these are too large to hold, the
        stages above the deepest held representation at every call."""
        if self._bytes(network, layer, split) > self.budget:
            return OnDemand(partial(self.chosen, network, layer, split))
        return self.all(network, layer, split)

    def _bytes(self, network: Network, layer: str, split: str) -> int:
        return math.prod(self.shape(network, layer)) * 4 * self.count(split)

    @torch.no_grad()
    def of(self, network: Network, layer: str, images: Tensor) -> Tensor:
        """Activations of images (m, c, h, w), at most BATCH at a time."""
        front, home = self.halves(network, layer)[0], network.home(self.setting)
        return _joined([_through(front, normalised(part, home, self.device)) for part in images.split(BATCH)])

    @torch.no_grad()
    def chosen(self, network: Network, layer: str, split: str, chosen: Tensor) -> Tensor:
        """Activations of chosen images (m,) of a split, by the shortest way, and not held."""
        held, above = self._below(network, layer, split)
        if held is None:
            return self.of(network, layer, self.images(split)[chosen.cpu()])
        return _joined([_through(above, part) for part in take(held, chosen).split(BATCH)])

    def images(self, split: str) -> Tensor:
        """(n, c, h, w) uint8, or float32 in [0, 1]."""
        return self._images[split][0]

    def _nearest(self, network: Network, layer: str, split: str) -> tuple[Iterator[Tensor], nn.Sequential]:
        """Batches of the deepest held representation below the layer (or of the images), and the stages
        from there to the layer."""
        held, above = self._below(network, layer, split)
        if held is not None:
            return (part.clone() for part in held.split(BATCH)), above  # a forward may write to what it is given
        home = network.home(self.setting)
        return (normalised(part, home, self.device) for part in self.images(split).split(BATCH)), above

    def _below(self, network: Network, layer: str, split: str) -> tuple[Tensor | None, nn.Sequential]:
        """The deepest held representation that the front passes through, None where there are only the images, and the
        stages from there to the layer: to the last bit what the front gives."""
        front = self.halves(network, layer)[0]
        # A stage that the layer cuts short is there in part only, by the name of the whole.
        whole = [name for name in stages_of(front)[:-1] if not layer.startswith(f"{name}.")]
        for name in reversed(whole):
            key = (network.content, name, split)
            if key in self._held:
                return self._held[key], cut(front, name)[1]
        return None, front

    def logits(self, network: Network, split: str) -> Tensor:
        """(n, classes) outputs of the unstitched network."""
        key = (network.content, split)
        if key not in self._logits:
            last = list(self.net(network)._modules)[-1]
            self._logits[key] = finite(
                torch.cat(list(self.batches(network, last, split))), f"outputs of {network.name}"
            )
        return self._logits[key]

    def stack(self, members: tuple[tuple[Network, str], ...], split: str, view: str) -> LayerMoments:
        """Moments of all the (network, layer) members side by side, in one pass over the images.

        A member with NaN or infinite activations spoils the pairs it is in, and no other.
        """
        size = sum(self._bytes(*member, split) for member in members)
        if size <= self.budget:
            together = {(network.content, layer, split) for network, layer in members}
            for network, layer in members:
                self.all(network, layer, split, together)
        batches = zip(*(self.batches(network, layer, split) for network, layer in members), strict=True)
        return LayerMoments.of([rows(x, view) for x in batch] for batch in batches)

    @torch.no_grad()
    def shape(self, network: Network, layer: str) -> tuple[int, ...]:
        """Shape of one image's activation, (c, h, w) or (p,)."""
        key = (network.content, layer)
        if key not in self._shapes:
            front, one = self.halves(network, layer)[0], self.images("test")[:1]
            with abroad():
                self._shapes[key] = tuple(front(normalised(one, network.home(self.setting), self.device)).shape[1:])
        return self._shapes[key]

    def coordinates(self, network: Network, layer: str, split: str) -> tuple[Tensor, Scatter]:
        """View `flat` of at most FLAT_IMAGES images, rotated to its principal coordinates (exact for every
        orthogonally invariant index), and their scatter."""
        x = rows(self.drawn(network, layer, split, "flat"), "flat")
        coordinates = principal_coordinates(finite(x, f"activations of {network.name} at {layer}"))
        if rounding_only(x) and not bool((x == x[0]).all()):  # coordinates have lost the mean that tells it
            raise Undefined(
                f"{layer} of {network.name} varies by no more than the rounding of its numbers over the "
                f"{split} images: undefined"
            )
        return coordinates, Scatter.of(coordinates, eps=precision(x))

    def drawn(self, network: Network, layer: str, split: str, view: str) -> Tensor:
        """Activations of the images a view is taken of: all, or for view `flat` FLAT_IMAGES drawn with the
        setting's seed."""
        if view == "flat" and self.count(split) > FLAT_IMAGES:
            generator = torch.Generator().manual_seed(self.setting.seed)
            chosen = torch.randperm(self.count(split), generator=generator)[:FLAT_IMAGES].sort().values
            return take(self.rows(network, layer, split), chosen.to(self.device))
        return self.all(network, layer, split)

    def images_of(self, split: str, view: str) -> int:
        """How many images those are."""
        return min(self.count(split), FLAT_IMAGES) if view == "flat" else self.count(split)


def _through(stages: nn.Sequential, x: Tensor) -> Tensor:
    """What the stages, which are code of a model, make of a batch (m, ...), maps in channels-last memory as they are
    held.

    Always BATCH images pass together, some of them twice: matrix products of another number of rows add up in another
    order, which processor, threads and sizes decide. What becomes of an image must not tell in whose company it was.
    """
    few = len(x) < BATCH
    with abroad():
        y = stages(take(x, torch.arange(BATCH, device=x.device) % len(x)) if few else x)
    y = y[: len(x)] if few else y
    return y.contiguous(memory_format=torch.channels_last) if y.ndim == 4 else y


def _joined(parts: list[Tensor]) -> Tensor:
    """One part is not copied."""
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def finite(x: Tensor, what: str) -> Tensor:
    """x itself; raises ArithmeticError when it holds NaN or infinite values."""
    if not bool(torch.isfinite(x).all()):
        raise ArithmeticError(f"{what} hold NaN or infinite values")
    return x
