"""Moments of pairs of representations, taken together for all networks of one layer, and held while they are needed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import torch

from simbench.contracts.selection import Network, Selection
from simbench.errors import InputError
from simbench.measuring.activations import Activations
from simbench.measuring.fronts import finite
from simbench.measuring.held import Held
from simbench.moments.layers import LayerMoments
from simbench.moments.pair import Moments
from simbench.moments.scatter import Scatter
from simbench.statistics.reliability import half_splits

#: A network and one of its layers.
Member = tuple[Network, str]
#: What a representation is, whatever its network is called: the hash of what it computes, and the layer.
Content = tuple[str, str]
#: Split, view, and half of the inputs (None: all).
Which = tuple[str, str, int | None]
#: The share of the memory of activations that scatters may take besides.
SHARE = 1 / 4


@dataclass(frozen=True)
class _Side:
    """A scatter, whose bases are computed when they are first asked for and then stay with it."""

    scatter: Scatter

    @property
    def nbytes(self) -> int:
        """Its matrix and two bases of two matrices."""
        return 5 * self.scatter.width**2 * 8


class Stacks:
    """Moments of two representations; those of a layer's pairs in the selection's design come from one pass over the
    images, and any other pair from a pass of its own.

    A representation keeps its scatter, and the factorisation of it, for all layers that it is paired with. Moments are
    a function of the two alone, to the last bit: see `simbench.moments.comoments.Comoments`.
    """

    def __init__(self, activations: Activations, selection: Selection) -> None:
        self.activations, self.selection = activations, selection
        self._kept: dict[tuple, LayerMoments] = {}
        self._sides = Held(int(activations.budget * SHARE))

    def __iter__(self) -> Iterator[tuple]:
        """What is held: (contents of the representations, split, view, half)."""
        return iter(self._kept)

    def pair(self, a: Member, b: Member, split: str, view: str, half: int | None = None) -> Moments:
        """Moments of (a, b) on a split, in view spatial or pooled; half: on the first (0) or second half (1) of its
        inputs, as `half_splits` draws them. ArithmeticError for NaN or infinite activations."""
        contents, which = [_content(member) for member in (a, b)], (split, view, half)
        stack, places = self._held(contents, which) or self._taken(a, b, which)
        for (network, layer), place in zip((a, b), places, strict=True):
            finite(stack.scatter(place).matrix, f"{layer} of {network.name}")
        return stack.pair(*places)

    def _held(self, contents: list[Content], which: Which) -> tuple[LayerMoments, list[int]] | None:
        """What is held of a pair: the moments that it is among, and its places there."""
        for (order, *of), stack in self._kept.items():
            if tuple(of) == which and all(content in order for content in contents):
                places = [order.index(content) for content in contents]
                if stack.holds(*places):
                    return stack, places
        return None

    def _taken(self, a: Member, b: Member, which: Which) -> tuple[LayerMoments, list[int]]:
        """The same, computed; what is held of other layers is forgotten."""
        self._kept = {
            old: stack
            for old, stack in self._kept.items()  # layers come in order of depth
            if {layer for _, layer in old[0]} & {a[1], b[1]}
        }
        members = self._together(a, b)
        order = list(members)
        pairs = [tuple(map(order.index, pair)) for pair in combinations(order, 2) if self._designed(*pair)]
        if len(order) == 2:
            pairs = [(0, 1)]
        split, view, half = which
        chosen = None
        if half is not None:
            first = torch.tensor(half_splits(self.activations.count(split), 1)[0])
            chosen = ~first if half else first
        known = {
            at: self._sides[key].scatter
            for at, key in enumerate((*each, *which) for each in order)
            if key in self._sides
        }
        stack = self.activations.stack(tuple(members.values()), split, view, pairs, chosen, known)
        self._kept[tuple(order), *which] = stack
        for at in set(range(len(order))) - known.keys():
            side = _Side(stack.scatter(at))
            self._sides.make_room(side.nbytes)
            self._sides.keep((*order[at], *which), side, side.nbytes * side.scatter.width)  # a wider one costs more
        return stack, [order.index(_content(member)) for member in (a, b)]

    def _together(self, a: Member, b: Member) -> dict[Content, Member]:
        """Representations whose moments are taken together: for two networks of the design, or their untrained twins,
        all of their layer and size, else the two.

        By content and in its order, each once: so neither the order in which networks were given nor their names
        matter."""
        size, members = self.activations.shape(*a)[1:], [a, b]
        peers = [network.untrained if a[0].initial else network for network in self.selection.networks]
        if self._designed(_content(a), _content(b)) and self.activations.shape(*b)[1:] == size:
            members += [
                (network, a[1])
                for network in peers
                if a[1] in network.model.layers and self.activations.shape(network, a[1])[1:] == size
            ]
        return dict(sorted({_content(member): member for member in members}.items()))

    def _designed(self, a: Content, b: Content) -> bool:
        """Whether two representations, in either order, are a pair of the selection's design."""
        return frozenset((a, b)) in self._design

    @cached_property
    def _design(self) -> set[frozenset[Content]]:
        """Pairs of the selection's design; none where it is impossible."""
        try:
            sides = [((pair.a, pair.b), pair.layer) for pair in self.selection.pairs()]
        except InputError:
            return set()
        sides += [((a.untrained, b.untrained), layer) for (a, b), layer in sides]
        return {frozenset(_content((network, layer)) for network in both) for both, layer in sides}


def _content(member: Member) -> Content:
    network, layer = member
    return network.content, layer
