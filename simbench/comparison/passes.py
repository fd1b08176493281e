"""Passes: which pairs of layers are looked at in which pass over the data, so that each fits in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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
#: Numbers of parts of a that are tried after the best.
_PATIENCE = 4


def tiles(a: Sequence[Layer], b: Sequence[Layer], cost: Cost, room: int, width: Callable[[Layer], int]) -> list[Tile]:
    """All pairs of a with b in few tiles, none of which takes more bytes than there is room.

    Some number of parts of a, about equally wide, each with as many layers of b at a time as there is room for; of all
    numbers the one that makes the fewest tiles. InputError where a single pair takes more than there is room.
    """
    best: list[Tile] | None = None
    worse = 0
    for count in range(1, len(a) + 1):
        found = [tile for part in _parts(a, count, width) for tile in _filled(part, b, cost, room)]
        if not all(tile.bytes <= room for tile in found):
            continue
        if best is None or len(found) < len(best):
            best, worse = found, 0
        worse += 1
        if worse > _PATIENCE or len(best) <= count:
            return best
    if best is None:
        tile = max(found, key=lambda tile: tile.bytes)
        raise InputError(
            f"layers {tile.a[0][1]!r} and {tile.b[0][1]!r} take {told(tile.bytes)} together, and memory "
            f"has room for {told(room)}; give more memory, another view, or layers without them"
        )
    return best


def _parts(layers: Sequence[Layer], count: int, width: Callable[[Layer], int]) -> list[list[Layer]]:
    """Layers in their order in `count` parts, about equally wide."""
    total, before = sum(map(width, layers)), 0
    parts: list[list[Layer]] = [[] for _ in range(count)]
    for layer in layers:
        parts[min(before * count // max(total, 1), count - 1)].append(layer)
        before += width(layer)
    return [part for part in parts if part]


def _filled(a: Sequence[Layer], b: Sequence[Layer], cost: Cost, room: int) -> Iterator[Tile]:
    """a with as many of b at a time as there is room for, with one at least."""
    start = 0
    while start < len(b):
        fits, beyond = 1, len(b) - start + 1
        while beyond - fits > 1:
            middle = (fits + beyond) // 2
            fits, beyond = (middle, beyond) if cost(a, b[start : start + middle]) <= room else (fits, middle)
        part = b[start : start + fits]
        yield Tile(tuple(a), tuple(part), cost(a, part))
        start += fits


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
    return f"{bytes / 2**30:.1f} GB" if bytes >= 2**30 else f"{bytes / 2**20:.1f} MB"
