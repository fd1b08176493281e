"""Reading ahead: the layers of a network that one forward pass computes together, and their activations."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from simbench.measuring.aligned import Aligned
from simbench.networks.stages import in_a_row

if TYPE_CHECKING:
    from torch import nn

    from simbench.contracts.selection import Network, Selection
    from simbench.measuring.held import Held


class Reader(Protocol):
    """What reads ahead: `Activations`."""

    selection: Selection | None
    budget: int
    held: Held

    def net(self, network: Network) -> nn.Module: ...

    def size(self, network: Network, layer: str, split: str) -> int: ...


def at_once(activations: Reader, network: Network, layer: str, split: str) -> list[str]:
    """The layer, and those of the selection that are computed in the same pass.

    Each layer of a row of stages starts from those below it, so that it is read alone. Of other networks each pass
    starts from the inputs. Every network may read ahead on each of two splits what fits in its share of the memory, so
    that all of them keep what they read.
    """
    selection = activations.selection
    if selection is None or isinstance(layer, Aligned) or in_a_row(activations.net(network)):
        return [layer]
    layers, room = [layer], activations.budget // (2 * max(1, len(selection.networks)))
    room -= activations.size(network, layer, split)
    for other in selection.layers.get(network.model.spec, ()):
        if other in layers or (network.content, other, split) in activations.held:
            continue
        try:
            room -= activations.size(network, other, split)
        except Exception:  # a layer that cannot be read has an error of its own, once it is asked for
            continue
        if room < 0:
            break
        layers.append(other)
    return layers


def filled(batches: Iterable[list[Tensor]], count: int, make_room: Callable[[int], None]) -> list[Tensor]:
    """Tensors of `count` inputs, maps in channels-last memory, from batches of them. make_room: called with the bytes
    of all before they are allocated."""
    made: list[Tensor] = []
    at = 0
    for parts in batches:
        if not made:
            make_room(sum(part[0].nbytes for part in parts) * count)
            made = [_empty(part, count) for part in parts]
        for x, part in zip(made, parts, strict=True):
            x[at : at + len(part)] = part
        at += len(parts[0])
    return made


def _empty(part: Tensor, count: int) -> Tensor:
    layout = torch.channels_last if part.ndim == 4 else torch.contiguous_format
    return torch.empty((count, *part.shape[1:]), dtype=part.dtype, device=part.device, memory_format=layout)
