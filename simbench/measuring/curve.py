"""An order of pairs in which consecutive pairs share sides."""

from __future__ import annotations


def place(x: int, y: int) -> int:
    """The position of two non-negative integers on a Z-curve: their interleaved bits (Morton 1966).

    However many sides fit in memory, pairs in this order use most sides several times before these are evicted.

    >>> sorted([(1, 1), (0, 2), (1, 0), (0, 0), (0, 1)], key=lambda pair: place(*pair))
    [(0, 0), (0, 1), (1, 0), (1, 1), (0, 2)]
    """
    return sum((x >> bit & 1) << 2 * bit + 1 | (y >> bit & 1) << 2 * bit for bit in range(max(x, y).bit_length()))
