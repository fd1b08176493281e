"""Passes over the data: which pairs of layers are compared in which pass, so that each pass fits in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from simbench.errors import InputError

#: A layer of a side: ("a", "layer1.0").
Layer = tuple[str, str]


@dataclass(frozen=True)
class Tile:
    """All pairs of some layers of one side with some of the other, and the bytes that they need in a pass."""

    a: tuple[Layer, ...]
    b: tuple[Layer, ...]
    bytes: int

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Each layer of the tile once."""
        return tuple(dict.fromkeys((*self.a, *self.b)))


#: Bytes of all pairs of some layers of one side with some of the other.
Cost = Callable[[Sequence[Layer], Sequence[Layer]], int]
#: How many more numbers of parts are tried after the best one.
_PATIENCE = 4


def tiles(a: Sequence[Layer], b: Sequence[Layer], cost: Cost, room: int, width: Callable[[Layer], int]) -> list[Tile]:
    """All pairs of a with b in few tiles of at most `room` bytes each.

    a is split into parts of about equal width, and each part is paired with as many layers of b at a time as fit. The
    number of parts is the one that gives the fewest tiles. InputError if a single pair needs more than `room` bytes.
    """
    best: list[Tile] | None = None
    worse = 0
    for count in range(1, len(a) + 1):
        candidate = [tile for part in _parts(a, count, width) for tile in _filled(part, b, cost, room)]
        if not all(tile.bytes <= room for tile in candidate):
            continue
        if best is None or len(candidate) < len(best):
            best, worse = candidate, 0
        worse += 1
        if worse > _PATIENCE or len(best) <= count:
            return best
    if best is None:
        tile = max(candidate, key=lambda tile: tile.bytes)
        raise InputError(
            f"layers {tile.a[0][1]!r} and {tile.b[0][1]!r} take {readable(tile.bytes)} together, and memory "
            f"has room for {readable(room)}; give more memory, another view, or layers without them"
        )
    return best


def _parts(layers: Sequence[Layer], count: int, width: Callable[[Layer], int]) -> list[list[Layer]]:
    """The layers, in order, in `count` parts of about equal width."""
    total, before = sum(map(width, layers)), 0
    parts: list[list[Layer]] = [[] for _ in range(count)]
    for layer in layers:
        parts[min(before * count // max(total, 1), count - 1)].append(layer)
        before += width(layer)
    return [part for part in parts if part]


def _filled(a: Sequence[Layer], b: Sequence[Layer], cost: Cost, room: int) -> Iterator[Tile]:
    """Tiles of a with as many layers of b at a time as fit, at least one."""
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
    """Pairs (number of a stream, tile), in order, in as few passes of at most `room` bytes as possible."""
    passes: list[list[tuple[int, Tile]]] = []
    left = 0
    for number, tile in tiles:
        if not passes or tile.bytes > left:
            passes.append([])
            left = room
        passes[-1].append((number, tile))
        left -= tile.bytes
    return passes


def readable(size: int) -> str:
    """A number of bytes in megabytes or gigabytes.

    >>> readable(3 * 2**29)
    '1.5 GB'
    """
    return f"{size / 2**30:.1f} GB" if size >= 2**30 else f"{size / 2**20:.1f} MB"
