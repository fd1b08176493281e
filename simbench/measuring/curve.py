"""An order of pairs in which neighbours share sides."""

from __future__ import annotations


def place(x: int, y: int) -> int:
    """The place of a pair of whole numbers on a Z-curve: their bits in turns (Morton 1966).

    Whatever number of sides fits in memory, pairs in this order use most of them several times before they are
    forgotten.

    >>> sorted([(1, 1), (0, 2), (1, 0), (0, 0), (0, 1)], key=lambda pair: place(*pair))
    [(0, 0), (0, 1), (1, 0), (1, 1), (0, 2)]
    """
    return sum((x >> bit & 1) << 2 * bit + 1 | (y >> bit & 1) << 2 * bit for bit in range(max(x, y).bit_length()))
