"""Moments of pairs of representations, taken together for all networks of one layer, and held while they are needed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations

import torch

from simbench.contracts.selection import Selection
from simbench.errors import InputError
from simbench.measuring import passes
from simbench.measuring.activations import Activations
from simbench.measuring.aligned import Aligned
from simbench.measuring.fronts import finite
from simbench.measuring.held import Held
from simbench.measuring.passes import Member
from simbench.moments import views
from simbench.moments.enlarged import EnlargedMoments
from simbench.moments.layers import LayerMoments
from simbench.moments.pair import Moments
from simbench.moments.scatter import Scatter
from simbench.statistics.reliability import half_splits

#: What a representation is, whatever its network is called: the hash of what it computes, and the layer.
Content = tuple[str, str]
#: Share of the memory, one in so many, that the products of layers above may take.
_SHARE = 8
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
    images, which may serve several layers, and any other pair from a pass of its own.

    A representation keeps its scatter, and the factorisation of it, for all layers that it is paired with. Moments are
    a function of the two alone, to the last bit: see `simbench.moments.comoments.Comoments`.
    """

    def __init__(self, activations: Activations, selection: Selection) -> None:
        self.activations, self.selection = activations, selection
        self._kept: dict[tuple, LayerMoments | EnlargedMoments] = {}
        self._sides = Held(int(activations.budget * SHARE))

    def select(self, selection: Selection) -> None:
        """Take the moments of the pairs of another selection together. What is held stays."""
        if selection is not self.selection:
            self.selection = selection
            self.__dict__.pop("_design", None)

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

    def _held(self, contents: list[Content], which: Which) -> tuple[LayerMoments | EnlargedMoments, list[int]] | None:
        """What is held of a pair: the moments that it is among, and its places there."""
        for (order, *of), stack in self._kept.items():
            if tuple(of) == which and all(content in order for content in contents):
                places = [order.index(content) for content in contents]
                if stack.holds(*places):
                    return stack, places
        return None

    def _taken(self, a: Member, b: Member, which: Which) -> tuple[LayerMoments | EnlargedMoments, list[int]]:
        """The same, computed; what is held of layers below is forgotten. Where activations are not held, the moments of
        the layers above come from the same pass."""
        (split, view, half), stack, above = which, self._stack(a, b), self._above(a)
        self._kept = {
            old: kept
            for old, kept in self._kept.items()  # layers come in order of depth
            if {layer for _, layer in old[0]} & {a[1], b[1], *above}
        }
        chosen = None
        if half is not None:
            first = torch.tensor(half_splits(self.activations.count(split), 1)[0])
            chosen = ~first if half else first
        if isinstance(a[1], Aligned) and a[1].enlarged and view in views.PLACED and not self._padded(b, which):
            pair = self._known(passes.Stack((a, b), ((0, 1),)), which)
            enlarged = passes.enlarged(self.activations, pair, split, chosen)
            self._keep(pair, enlarged, which)
            return enlarged, [0, 1]
        given = split, view, chosen
        # Nothing but these moments reads what untrained networks compute at a layer of the design.
        again = stack.trained or not self._designed(_content(a), _content(b))
        held = again and passes.hold(self.activations, stack, split)
        try:
            stacks = [self._known(each, which) for each in (stack, *(() if held else self._stacks_at(above, a, b)))]
            found = passes.taken(self.activations, stacks, *given)
        except Exception:  # perhaps of a layer above, whose own cases shall say so
            stacks = [self._known(stack, which)]
            found = passes.taken(self.activations, stacks, *given)
        for each, moments in zip(stacks, found, strict=True):
            self._keep(each, moments, which)
        order = list(map(_content, stack.members))
        return found[0], [order.index(_content(member)) for member in (a, b)]

    def _padded(self, member: Member, which: Which) -> bool:
        """Whether tokens of a layer are left out."""
        kept = self.activations.kept(which[0], member[1])
        return views.leaves_out(self.activations.shape(*member), which[1], kept)

    def _known(self, stack: passes.Stack, which: Which) -> passes.Stack:
        """The stack, with the scatters of its members that are held."""
        keys = [(*_content(member), *which) for member in stack.members]
        return replace(stack, known={i: self._sides[key].scatter for i, key in enumerate(keys) if key in self._sides})

    def _keep(self, stack: passes.Stack, moments: LayerMoments | EnlargedMoments, which: Which) -> None:
        order = tuple(map(_content, stack.members))
        self._kept[order, *which] = moments
        for at in set(range(len(order))) - stack.known.keys():
            side = _Side(moments.scatter(at))
            self._sides.make_room(side.nbytes)
            self._sides.keep((*order[at], *which), side, side.nbytes * side.scatter.width)  # a wider one costs more

    def _stack(self, a: Member, b: Member) -> passes.Stack:
        """The representations whose moments are taken together with those of a and b."""
        members = self._together(a, b)
        order = list(members)
        pairs = [tuple(map(order.index, pair)) for pair in combinations(order, 2) if self._designed(*pair)]
        return passes.Stack(tuple(members.values()), tuple([(0, 1)] if len(order) == 2 else pairs))

    def _above(self, a: Member) -> tuple[str, ...]:
        """The selected layers above that of a, in order of depth."""
        layers = self.selection.layers.get(a[0].model.spec, ())
        return layers[layers.index(a[1]) + 1 :] if a[1] in layers else ()

    def _stacks_at(self, layers: tuple[str, ...], a: Member, b: Member) -> Iterator[passes.Stack]:
        """The stacks of a pair of the design at other layers, while their products take little of the memory."""
        room = self.activations.budget // _SHARE
        if not self._designed(_content(a), _content(b)):
            return
        for layer in layers:
            level = (a[0], layer), (b[0], layer)
            (p, *size), (_, *other) = (self.activations.shape(*member) for member in level)
            if size == other and self._designed(*map(_content, level)):
                stack = self._stack(*level)
                room -= 8 * p * p * (len(stack.members) + len(stack.pairs))
                if room < 0:
                    return
                yield stack

    def _together(self, a: Member, b: Member) -> dict[Content, Member]:
        """Representations whose moments are taken together: for two networks of the design, or their untrained twins,
        all of their layer and size, else the two. By content and in its order, each once: so neither the order in which
        networks were given nor their names matter."""
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
