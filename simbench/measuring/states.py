"""States of representations: what indices prepare of one side, made once and held in the memory of activations."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from torch import Tensor

from simbench.contracts import Index
from simbench.errors import Inapplicable, Spoilt, Undefined
from simbench.isolation.states import Sealed, compared, prepared
from simbench.measuring.evaluate import widened
from simbench.measuring.held import Held
from simbench.system import stopwatch
from simbench.system.provenance import digest
from simbench.system.surroundings import abroad, known, seed_of

#: Plain data that determines the rows of a side: contents of its network, layer, split, view, drawn rows.
Key = tuple


@stopwatch.stages(of="indices")
class States:
    """States by index and rows, in a store that holds and forgets them beside others.

    A state is a function of index and rows: whatever `prepare` draws from global generators depends on these alone.
    Why an index prepares nothing of a side is remembered, too.
    """

    def __init__(self, held: Held) -> None:
        self._held = held
        self._refused: dict[tuple, Undefined | Inapplicable] = {}

    def of(
        self, index: Index, key: Key, rows: Callable[[], Tensor], dtype: Any = None, spared: tuple[Key, ...] = ()
    ) -> Sealed:
        """The state of the rows that a key stands for, from memory or prepared.

        dtype: that the index is handed the rows in. spared: keys whose states of this index stay held meanwhile. Raises
        Undefined or Inapplicable where the index does, without the name of the side, and anything else that it raises.
        """
        place = (index, key)
        if place in self._refused:
            raise self._refused[place]
        if place in self._held:
            return self._held[place]
        start = time.perf_counter()
        x = rows()
        try:
            with known(seed_of(digest([index.identity, list(key)]))):
                state = prepared(index, x, dtype)
        except (Undefined, Inapplicable) as reason:
            kind = Undefined if isinstance(reason, Undefined) else Inapplicable
            self._refused[place] = kind(str(reason))  # without the frames, and the rows in them
            raise self._refused[place] from None
        self._held.make_room(state.nbytes, {(index, other) for other in spared})
        self._held.keep(place, state, time.perf_counter() - start)
        return state

    def compare(self, index: Index, sides: tuple[tuple[str, Key, Callable[[], Tensor]], ...], dtype: Any = None) -> Any:
        """What the index returns for two sides, each a name, a key and how its rows are made. The reason why one has no
        state begins with its name. Raises Spoilt for an index that changes a state, which is then forgotten."""
        keys = tuple(key for _, key, _ in sides)
        made = [(name, partial(self.of, index, key, rows, dtype, keys)) for name, key, rows in sides]
        return self._compared(index, made, keys)

    def against(self, index: Index, a: Tensor, key: Key, b: Callable[[], Tensor]) -> Any:
        """What the index returns for rows a, of which nothing is held, and the rows b that a key stands for. Each is
        widened as `evaluate` does it, and the reason why one has no state begins with "a" or "b"."""
        with abroad():
            claims = index.claims

        def own() -> Sealed:
            return prepared(index, widened(index, a, claims.invariances_a))

        def held() -> Sealed:
            return self.of(index, key, lambda: widened(index, b(), claims.invariances_b))

        return self._compared(index, [("a", own), ("b", held)], (key,))

    def _compared(self, index: Index, sides: list[tuple[str, Callable[[], Sealed]]], keys: tuple[Key, ...]) -> Any:
        """sides: names, and how their states are made. keys: of the states that are held."""
        states = []
        for name, state in sides:
            try:
                states.append(state())
            except (Undefined, Inapplicable) as reason:
                raise type(reason)(f"{name} {reason}") from None
        try:
            return compared(index, *states)
        except Spoilt:
            for key in keys:
                self._held.forget((index, key))
            raise
