"""Moments of pairs of representations with at least as many neurons as rows, computed from n x n products."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from torch import Tensor

from simbench.contracts import Index
from simbench.measuring.evaluate import narrow, turnable
from simbench.moments.pair import Moments
from simbench.moments.scatter import Scatter


class Spans:
    """Moments of representations whose rows are in memory, computed as `evaluate` does for one pair.

    For an index that allows rotations, a representation is replaced by its coordinates in the span of its rows.
    Coordinates and their bases are cached for other pairs up to `room` bytes, and computed again beyond that.

    rows: key -> rows (n, p) of a representation.
    """

    def __init__(self, rows: Callable[[Hashable], Tensor], room: int) -> None:
        self._rows, self._room = rows, room
        self._scatters: dict[tuple, Scatter] = {}
        self._bytes: dict[tuple, int] = {}
        self._last: list[tuple] = []

    def moments(self, index: Index, i: Hashable, j: Hashable) -> Moments:
        """Moments of the representations i and j that give the value of this index."""
        turned = turnable(index)
        sides = (index.claims.invariances_a, index.claims.invariances_b)
        pair = [(key, "linear" in side if turned else None) for key, side in zip((i, j), sides, strict=True)]
        self._evict(pair)
        return Moments.between(*map(self._scatter, pair))

    def _scatter(self, key: tuple) -> Scatter:
        """Scatter for (representation, scaled): of its coordinates, with features scaled first if `scaled`; of its
        neurons if `scaled` is None."""
        if key not in self._scatters:
            x, scaled = self._rows(key[0]), key[1]
            self._scatters[key] = Scatter.of(x, keep_rows=True) if scaled is None else narrow(x, scaled)
        return self._scatters[key]

    def _evict(self, pair: list[tuple]) -> None:
        """Drop the scatters of the last pair, the second one first, while the cache is larger than `room`."""
        for key in self._last:
            if key in self._scatters:
                self._bytes[key] = _size(self._scatters[key])
        for key in self._last[::-1]:
            if sum(self._bytes.values()) > self._room and key not in pair:
                self._scatters.pop(key, None)
                self._bytes.pop(key, None)
        self._last = pair


def _size(record: object) -> int:
    """Bytes of the tensors in a record, including those that it has computed and cached."""
    return sum(
        part.numel() * part.element_size() if isinstance(part, Tensor) else _size(part)
        for part in vars(record).values()
        if hasattr(part, "__dict__")
    )
