"""Spans: pairs of representations with no fewer neurons than rows, by n x n algebra."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from torch import Tensor

from simbench.contracts import Index
from simbench.evaluate import narrow, turnable
from simbench.moments import Moments
from simbench.scatter import Scatter


class Spans:
    """Moments of representations whose rows are kept, as `evaluate` takes them for one pair.

    What can be rotated is given by its coordinates in the span of its rows, once for all pairs where there is room,
    of so many bytes, to keep them.
    """

    def __init__(self, rows: Callable[[Hashable], Tensor], room: int) -> None:
        self._rows, self._room = rows, room
        self._made: dict[tuple, Scatter] = {}

    def moments(self, index: Index, i: Hashable, j: Hashable) -> Moments:
        """Moments of a pair that have the value of this index."""
        turned = turnable(index)
        sides = (index.claims.invariances_a, index.claims.invariances_b)
        return Moments.between(*(self._scatter(key, "linear" in side if turned else None)
                                 for key, side in zip((i, j), sides)))

    def _scatter(self, key: Hashable, scaled: bool | None) -> Scatter:
        """Of the coordinates of a representation, after scaling its features or not; None: of its neurons."""
        made = self._made.get((key, scaled))
        if made is None:
            x = self._rows(key)
            made = Scatter.of(x, keep_rows=True) if scaled is None else narrow(x, scaled)
            bytes = 8 * 6 * (made.width + min(made.n, made.width)) * min(made.n, made.width)  # with both its bases
            if bytes <= self._room:
                self._made[key, scaled] = made
                self._room -= bytes
        return made
