"""Spans: pairs of representations with no fewer neurons than rows, by n x n algebra."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from torch import Tensor

from simbench.contracts import Index
from simbench.measuring.evaluate import narrow, turnable
from simbench.moments.pair import Moments
from simbench.moments.scatter import Scatter


class Spans:
    """Moments of representations whose rows are kept, as `evaluate` takes them for one pair.

    What can be rotated is given by its coordinates in the span of its rows. Coordinates, and the bases that indices ask
    of them, are kept for other pairs while there is room, of so many bytes; those that do not fit any more are made
    anew for each pair.
    """

    def __init__(self, rows: Callable[[Hashable], Tensor], room: int) -> None:
        self._rows, self._room = rows, room
        self._made: dict[tuple, Scatter] = {}
        self._bytes: dict[tuple, int] = {}
        self._last: list[tuple] = []

    def moments(self, index: Index, i: Hashable, j: Hashable) -> Moments:
        """Moments of a pair that have the value of this index."""
        turned = turnable(index)
        sides = (index.claims.invariances_a, index.claims.invariances_b)
        wanted = [(key, "linear" in side if turned else None) for key, side in zip((i, j), sides, strict=True)]
        self._tidy(wanted)
        return Moments.between(*map(self._scatter, wanted))

    def _scatter(self, key: tuple) -> Scatter:
        """Of the coordinates of a representation, after scaling its features or not; None: of its neurons."""
        if key not in self._made:
            x, scaled = self._rows(key[0]), key[1]
            self._made[key] = Scatter.of(x, keep_rows=True) if scaled is None else narrow(x, scaled)
        return self._made[key]

    def _tidy(self, wanted: list[tuple]) -> None:
        """Let what was used last go, the second of the pair first, where all is more than there is room for."""
        for key in self._last:
            if key in self._made:
                self._bytes[key] = _held(self._made[key])
        for key in self._last[::-1]:
            if sum(self._bytes.values()) > self._room and key not in wanted:
                self._made.pop(key, None)
                self._bytes.pop(key, None)
        self._last = wanted


def _held(value: object) -> int:
    """Bytes of the tensors that an object holds, those that it keeps of what it was asked among them."""
    return sum(
        part.numel() * part.element_size() if isinstance(part, Tensor) else _held(part)
        for part in vars(value).values()
        if hasattr(part, "__dict__")
    )
