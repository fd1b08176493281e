"""Axes: the meaning of each axis of a tensor, as far as the operations that computed it determine it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

#: Meanings: inputs, channels, places (pixels or tokens), a not yet identified axis of the network's input, unknown.
INPUTS, CHANNELS, PLACE, GIVEN, UNKNOWN = "n", "c", "s", "x", "?"


@dataclass(frozen=True)
class Atom:
    """An axis, or a factor of an axis.

    order: the position of a place or a given axis among those of its tensor; its factors have (*order, 0), (*order, 1).
    prefix: of an axis of tokens, how many constant ones (class tokens, registers) were put before the others; None
    where that is not known. grid: the sizes of the axes that the others are made of, () where that is not known.
    """

    kind: str
    size: int
    order: tuple[int, ...] = ()
    prefix: int | None = 0
    grid: tuple[int, ...] = ()

    def part(self, size: int, *place: int) -> Atom:
        """A factor or a part of this axis; which tokens it holds is known only where none were put before others."""
        return replace(self, size=size, order=(*self.order, *place), prefix=None if self.prefix != 0 else 0, grid=())


#: The factors of an axis, slowest first; none for an axis of size 1.
Axis = tuple[Atom, ...]
Axes = tuple[Axis, ...]


def unknown_axis(size: int) -> Axis:
    return (Atom(UNKNOWN, size),)


def unknown_axes(shape: Sequence[int]) -> Axes:
    return tuple(map(unknown_axis, shape))


def channel_axis(size: int) -> Axis:
    return (Atom(CHANNELS, size),)


def size_of(axis: Axis) -> int:
    return math.prod(atom.size for atom in axis)


def is_all(axis: Axis, *kinds: str) -> bool:
    """True for an axis all of whose atoms are of these kinds."""
    return all(atom.kind in kinds for atom in axis)


def has_channels(axis: Axis) -> bool:
    return any(atom.kind == CHANNELS for atom in axis)


def resized(axis: Axis, size: int) -> Axis:
    """The axis at another size, after slicing, padding or pooling."""
    if size == size_of(axis):
        return axis
    kinds = {atom.kind for atom in axis}
    if len(kinds) != 1:
        return () if size == 1 and not axis else unknown_axis(size)
    return (axis[0].part(size),)


def without_channels(axes: Axes) -> Axes:
    """Axes after a sum over some of the channels: the remaining factors no longer count as channels."""
    return tuple(
        tuple(replace(atom, kind=UNKNOWN) if atom.kind == CHANNELS else atom for atom in axis) for axis in axes
    )


def reshaped(axes: Axes, shape: Sequence[int]) -> Axes:
    """Axes after `view(shape)`, as products of the old factors; unknown where these do not fit."""
    waiting = [atom for axis in axes for atom in axis if atom.size != 1][::-1]
    axes_after = []
    for size in shape:
        axis: list[Atom] = []
        while size_of(axis) < size and waiting:
            atom, missing = waiting.pop(), size // size_of(axis)
            if missing % atom.size == 0:
                axis.append(atom)
            elif atom.size % missing == 0:
                axis.append(atom.part(missing, 0))
                waiting.append(atom.part(atom.size // missing, 1))
            else:
                return unknown_axes(shape)
        if size_of(axis) != size:
            return unknown_axes(shape)
        axes_after.append(tuple(axis))
    return tuple(axes_after)


def preceded(axis: Axis, size: int) -> Axis:
    """An axis of places after constant tokens were put before them, `size` with these."""
    if not axis or not is_all(axis, PLACE, GIVEN):
        return resized(axis, size)
    before = axis[0].prefix if len(axis) == 1 else 0
    added = None if before is None else before + size - size_of(axis)
    return (replace(axis[0], size=size, prefix=added, grid=grid_of(axis)),)


def mixed(axis: Axis) -> Axis:
    """An axis after tokens of another origin were put among its places."""
    return (replace(axis[0], prefix=None, grid=()),) if len(axis) == 1 else axis


def following(axis: Axis, start: int, size: int) -> Axis:
    """An axis from item `start` to its end."""
    if len(axis) == 1 and axis[0].prefix and start <= axis[0].prefix:
        return (replace(axis[0], size=size, prefix=axis[0].prefix - start),)
    return resized(axis, size)


def grid_of(axis: Axis) -> tuple[int, ...]:
    """The sizes of the axes that the places of an axis are made of, without tokens before them; () where unknown."""
    return axis[0].grid if len(axis) == 1 else tuple(atom.size for atom in axis)


def layout(axes: Axes) -> str | None:
    """The layout of three to five axes, as in `views.LAYOUTS`; None where it is not certain.

    It is certain when the inputs are first, all channels are on one axis, and the other axes are places in order.
    """
    if len(axes) not in (3, 4, 5) or not is_all(axes[0], INPUTS):
        return None
    channels = [i for i, axis in enumerate(axes) if axis and is_all(axis, CHANNELS)]
    places = [axis for i, axis in enumerate(axes[1:], 1) if i not in channels]
    orders = [(atom.kind, atom.order) for axis in places for atom in axis]
    if len(channels) != 1 or not all(is_all(axis, PLACE, GIVEN) for axis in places) or orders != sorted(set(orders)):
        return None
    named = {(5, 1): "ncdhw", (5, 4): "ndhwc", (4, 1): "nchw", (4, 3): "nhwc", (3, 2): "ntc", (3, 1): "nct"}
    return named.get((len(axes), channels[0]))


def broadcast(sides: Sequence[Axes], shape: Sequence[int]) -> Axes:
    """Axes of an elementwise combination of tensors, aligned at the last axis.

    An operand with a certain layout and the shape of the result determines the result: a term added to a residual
    stream has the coordinates of the stream. Two such operands that contradict each other make it unknown.
    """
    whole = [axes for axes in sides if layout(axes) and [size_of(axis) for axis in axes] == list(shape)]
    if whole:
        return whole[0] if len({layout(axes) for axes in whole}) == 1 else unknown_axes(shape)
    return tuple(
        _agreed([axes[-back] for axes in sides if len(axes) >= back and size_of(axes[-back]) == size], size)
        for back, size in zip(range(len(shape), 0, -1), shape, strict=True)
    )


def _agreed(axes: Sequence[Axis], size: int) -> Axis:
    """Combine several descriptions of one axis: factor by factor where the factors have equal sizes."""
    if not axes:
        return unknown_axis(size)
    if len({tuple(atom.size for atom in axis) for axis in axes}) == 1:
        return tuple(_first([axis[i] for axis in axes]) for i in range(len(axes[0])))
    known = [axis for axis in axes if not is_all(axis, UNKNOWN)] or axes
    return known[0] if len({frozenset(atom.kind for atom in axis) for axis in known}) == 1 else unknown_axis(size)


def _first(atoms: Sequence[Atom]) -> Atom:
    """The first known atom; unknown where the known ones contradict each other."""
    known = [atom for atom in atoms if atom.kind != UNKNOWN]
    agree = len({atom.kind for atom in known}) == 1
    return known[0] if agree else replace(atoms[0], kind=UNKNOWN)
