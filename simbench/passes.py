"""Passes: which pairs of layers are looked at in which pass over the data, so that none takes more memory than it may."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from simbench.errors import InputError

#: A layer of a side: ("a", "layer1.0").
Layer = tuple[str, str]


@dataclass(frozen=True)
class Tile:
    """All pairs of some layers of one side with some of the other, and the bytes that they take in a pass."""

    a: tuple[Layer, ...]
    b: tuple[Layer, ...]
    bytes: int

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Each layer of the tile once."""
        return tuple(dict.fromkeys((*self.a, *self.b)))


#: Bytes of all pairs of some layers of one side with some of the other.
Cost = Callable[[Sequence[Layer], Sequence[Layer]], int]


def tiles(a: Sequence[Layer], b: Sequence[Layer], cost: Cost, room: int) -> list[Tile]:
    """All pairs of a with b in as few tiles as halving finds, none of which takes more bytes than there is room.

    InputError where a single pair takes more.
    """
    bytes = cost(a, b)
    if bytes <= room:
        return [Tile(tuple(a), tuple(b), bytes)]
    if len(a) == len(b) == 1:
        raise InputError(f"layers {a[0][1]!r} and {b[0][1]!r} take {told(bytes)} together, and memory is {told(room)}; "
                         "give more memory, another view, or layers without them")
    if len(a) >= len(b):
        half = len(a) // 2
        return tiles(a[:half], b, cost, room) + tiles(a[half:], b, cost, room)
    half = len(b) // 2
    return tiles(a, b[:half], cost, room) + tiles(a, b[half:], cost, room)


def packed(tiles: Sequence[tuple[int, Tile]], room: int) -> list[list[tuple[int, Tile]]]:
    """Tiles, each of a stream of some number, in as few passes as fit in their order."""
    passes: list[list[tuple[int, Tile]]] = []
    left = 0
    for number, tile in tiles:
        if not passes or tile.bytes > left:
            passes.append([])
            left = room
        passes[-1].append((number, tile))
        left -= tile.bytes
    return passes


def told(bytes: int) -> str:
    """A size as people read it."""
    return f"{bytes / 1e9:.1f} GB" if bytes >= 1e9 else f"{bytes / 1e6:.0f} MB"
