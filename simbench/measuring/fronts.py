"""Forward passes through stages of a network, in which the activations of an input do not depend on its batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from simbench.contracts.selection import Network
from simbench.contracts.task import take
from simbench.cutting.parts import HookedFronts
from simbench.measuring.aligned import Rereading
from simbench.measuring.sources import Sources
from simbench.networks.inputs import prepared
from simbench.system import batches
from simbench.system.surroundings import abroad


@torch.no_grad()
def run_front(sources: Sources, network: Network, layer: str, inputs: Tensor) -> Tensor:
    """Activations (m, c, h, w) or (m, p) at a layer for raw inputs (m, c, h, w), as `Sources.inputs` returns them."""
    front = sources.front(network, layer)
    return joined([run(front, part, sources.batch) for part in normalised_batches(sources, network, inputs)])


def normalised_batches(sources: Sources, network: Network, inputs: Tensor) -> Iterator[Tensor]:
    """Raw inputs in batches, as the network wants them: in its own size, normalised as where it was trained."""
    home, model, parts = network.home(sources.setting), network.model, inputs.split(sources.batch)
    counted = batches.counted(parts, network.name, len(parts))
    return (model.adapted(prepared(part, model, home, sources.device)) for part in counted)


def reread(sources: Sources, network: Network, layer: str, inputs: Tensor) -> Iterator[Tensor | None]:
    """For each batch of raw inputs what the end above a layer takes after the activations: the inputs as the network
    takes them, or None where activations are all that it reads."""
    if isinstance(sources.end(network, layer), Rereading):
        return normalised_batches(sources, network, inputs)
    return (None for _ in inputs.split(sources.batch))


def reread_at_once(sources: Sources, network: Network, layer: str, inputs: Tensor) -> Tensor | None:
    """The same in one piece."""
    parts = [part for part in reread(sources, network, layer, inputs) if part is not None]
    return joined(parts) if parts else None


def run(stages: nn.Sequential, x: Tensor, batch: int) -> Tensor:
    """Output of the stages for a batch x (m, ...) of at most `batch` inputs; maps are in channels-last memory.

    A short batch is filled up with repeated inputs. Matrix products of another number of rows may add up in another
    order, and an input's activations must not depend on its batch.
    """
    if isinstance(stages, nn.Sequential) and not len(stages):  # what is held
        return _laid(x, len(x))
    with abroad():  # the stages are code of a plugin
        y = stages(_filled(x, batch))
    return _laid(y, len(x))


def _filled(x: Tensor, batch: int) -> Tensor:
    return x if len(x) >= batch else take(x, torch.arange(batch, device=x.device) % len(x))


def _laid(y: Tensor, number: int) -> Tensor:
    """The first `number` outputs; maps in channels-last memory."""
    y = y if len(y) == number else y[:number]
    return y.contiguous(memory_format=torch.channels_last) if y.ndim == 4 else y


def run_layers(sources: Sources, network: Network, layers: Sequence[str], split: str) -> Iterator[list[Tensor]]:
    """Activations of all inputs of a split at several layers, in batches: one forward pass for all layers of a network
    that is no row of stages. They are those of the front of each layer, to the last bit."""
    whole, fronts = HookedFronts(sources.net(network), layers), []
    for axes in (sources.axes(network, layer) for layer in layers):
        fronts.append(axes.canonical if axes else lambda x: x)
    for part in normalised_batches(sources, network, sources.inputs(split)):
        filled = _filled(part, sources.batch)
        with abroad():
            found = whole(filled)
        yield [_laid(canonical(x), len(part)) for canonical, x in zip(fronts, found, strict=True)]


def joined(parts: list[Tensor]) -> Tensor:
    """The batches as one tensor, without a copy where there is only one."""
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def finite(x: Tensor, name: str) -> Tensor:
    """x itself. ArithmeticError if it holds NaN or infinite values."""
    if not bool(torch.isfinite(x).all()):
        raise ArithmeticError(f"{name} holds NaN or infinite activations")
    return x
