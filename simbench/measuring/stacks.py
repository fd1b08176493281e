"""Moments of pairs of representations, taken together for all networks of one layer, and held while they are needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from simbench.contracts.selection import Network
from simbench.measuring.activations import Activations, finite
from simbench.moments.layers import LayerMoments
from simbench.moments.pair import Moments

#: A network and one of its layers.
Member = tuple[Network, str]


class Stacks:
    """Moments of any two representations of the networks, from one pass over the images for all that share a layer.

    They are a function of the two alone, to the last bit: see `simbench.moments.comoments.Comoments`.
    """

    def __init__(self, activations: Activations, networks: Sequence[Network]) -> None:
        self.activations, self.networks = activations, networks
        self._kept: dict[tuple, LayerMoments] = {}

    def __iter__(self) -> Iterator[tuple]:
        """What is held: (contents of the representations, split, view)."""
        return iter(self._kept)

    def pair(self, a: Member, b: Member, split: str, view: str) -> Moments:
        """Moments of (a, b) on a split, in view spatial or pooled. ArithmeticError for NaN or infinite activations."""
        members = self._members(a, b)
        key = (tuple(members), split, view)
        if key not in self._kept:
            self._kept = {
                old: stack
                for old, stack in self._kept.items()  # layers come in order of depth
                if {layer for _, layer in old[0]} & {a[1], b[1]}
            }
            self._kept[key] = self.activations.stack(tuple(members.values()), split, view)
        stack, order = self._kept[key], list(members)
        places = [order.index(_content(member)) for member in (a, b)]
        for (network, layer), place in zip((a, b), places, strict=True):
            finite(stack.scatter(place).matrix, f"{layer} of {network.name}")
        return stack.pair(*places)

    def _members(self, a: Member, b: Member) -> dict[tuple[str, str], Member]:
        """Representations whose moments are taken together: of two networks, or of two untrained ones, those of all at
        this layer and of this size.

        By content and in its order, each once: so neither the order in which networks were given nor their names
        matter."""
        size, together = self.activations.shape(*a)[1:], [a, b]
        peers = [network.untrained if a[0].initial else network for network in self.networks]
        known = {network.content for network in peers} >= {a[0].content, b[0].content}
        if known and a[1] == b[1] and self.activations.shape(*b)[1:] == size:
            together += [
                (network, a[1])
                for network in peers
                if a[1] in network.model.layers and self.activations.shape(network, a[1])[1:] == size
            ]
        return dict(sorted({_content(member): member for member in together}.items()))


def _content(member: Member) -> tuple[str, str]:
    """What a representation is, whatever its network is called: the hash of what it computes, and the layer."""
    network, layer = member
    return network.content, layer
