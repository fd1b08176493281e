"""Passes of the inputs through several networks, which give the moments of many representations."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat

import torch
from torch import Tensor, nn

from simbench.contracts.selection import Network
from simbench.measuring.activations import Activations
from simbench.measuring.aligned import Aligned
from simbench.measuring.fronts import run
from simbench.moments import views
from simbench.moments.enlarged import EnlargedMoments
from simbench.moments.layers import LayerMoments
from simbench.moments.scatter import Scatter
from simbench.system.heap import trim
from simbench.system.stopwatch import stage

#: Bytes from which freed memory is worth the milliseconds of giving it back.
_MUCH = 2**26
#: A network and one of its layers.
Member = tuple[Network, str]


@dataclass(frozen=True)
class Stack:
    """Representations whose moments are taken together, and the pairs of them, by position, whose moments are taken.
    known: scatters by position, of the same rows, which are not summed again."""

    members: tuple[Member, ...]
    pairs: tuple[tuple[int, int], ...]
    known: Mapping[int, Scatter] = field(default_factory=dict)

    @property
    def trained(self) -> bool:
        """Whether some network was trained. Stitches are between these, and read their activations again."""
        return not all(network.initial for network, _ in self.members)


def hold(activations: Activations, stack: Stack, split: str) -> bool:
    """Hold the activations of a stack from now on, if all fit; whether they do."""
    bytes_ = _size(activations, stack) * activations.count(split)
    if bytes_ > activations.budget:
        return False
    _tidy(bytes_)
    together = {(network.content, layer, split) for network, layer in stack.members}
    for network, layer in stack.members:
        activations.tensor(network, layer, split, beside=together)
    return True


@torch.no_grad()
def taken(
    activations: Activations, stacks: Sequence[Stack], split: str, view: str, chosen: Tensor | None = None
) -> list[LayerMoments]:
    """Moments of each of the stacks, in order of depth, from one pass over the inputs. chosen: (n,) booleans, of
    which inputs; None for all.

    A batch goes through each network once, from the layer of one stack to that of the next. NaN or infinite activations
    of a member reach the moments of its own pairs only.
    """
    moments = [LayerMoments.among(len(stack.members), stack.pairs, stack.known) for stack in stacks]
    parts = None if chosen is None else chosen.to(activations.device).split(activations.batch)
    kept = [activations.kept(split, stack.members[0][1]) for stack in stacks]  # those of a stack are of one size
    tokens = [None if some is None else some.split(activations.batch) for some in kept]
    for number, place, batch in _along(activations, stacks, split):
        some = None if (batches := tokens[place]) is None else batches[number]
        if parts is not None:
            batch, some = [x[parts[number]] for x in batch], None if some is None else some[parts[number]]
        moments[place].add({i: views.rows(x, view, kept=some) for i, x in enumerate(batch)})
        del batch  # before those of the next layer are computed
    for each in moments:
        each.close()
    _tidy(max(_size(activations, stack) for stack in stacks) * activations.batch)
    return moments


@torch.no_grad()
def enlarged(activations: Activations, stack: Stack, split: str, chosen: Tensor | None = None) -> EnlargedMoments:
    """Moments of a stack of two, whose first layer is resized to more pixels, from its activations before. chosen: as
    in `taken`."""
    (network, layer), b = stack.members
    assert isinstance(layer, Aligned) and layer.alignment is not None
    a = network, layer.unresized
    hold(activations, Stack((a, b), ()), split)
    moments = EnlargedMoments(layer.alignment, stack.known)
    parts = repeat(None) if chosen is None else chosen.to(activations.device).split(activations.batch)
    for x, y, part in zip(activations.batches(*a, split), activations.batches(*b, split), parts, strict=False):
        moments.add(*((x, y) if part is None else (x[part], y[part])))
    moments.close()
    return moments


def _along(activations: Activations, stacks: Sequence[Stack], split: str) -> Iterator[tuple[int, int, list[Tensor]]]:
    """(number of a batch, place of a stack, activations of its members) for every batch and stack. A network that the
    last stack has, too, goes on from its layer there; others begin with the inputs, or with what is held of them."""
    activations.held.make_room(_size(activations, stacks[0]) * activations.batch)
    steps: list[list[tuple[str, nn.Module, Iterator[Tensor] | None]]] = []
    at: dict[str, str] = {}
    for stack in stacks:
        steps.append([])
        for network, layer in stack.members:
            below = at.get(network.content)
            stages, inputs = None if below is None else activations.between(network, below, layer), None
            if stages is None:
                inputs, stages = activations.nearest(network, layer, split)
            steps[-1].append((network.content, stages, inputs))
            at[network.content] = layer
    now: dict[str, Tensor] = {}
    for number in range(-(-activations.count(split) // activations.batch)):
        for place, step in enumerate(steps):
            for content, stages, inputs in step:
                x = now.pop(content, None) if inputs is None else next(inputs)
                now[content] = _on(stages, x, activations.batch)
            yield number, place, [now[content] for content, *_ in step]


def _size(activations: Activations, stack: Stack) -> int:
    """Bytes of the activations of one input."""
    return 4 * sum(math.prod(activations.shape(*member)) for member in stack.members)


def _tidy(size: int) -> None:
    """Give freed memory back, where it may be much: so many bytes are taken next, or were freed."""
    if size >= _MUCH:
        trim()


_on = stage("front passes")(run)
