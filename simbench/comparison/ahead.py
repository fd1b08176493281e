"""What indices read of the moments of pairs, computed for the next pairs in threads beside the one that asks indices.

LAPACK gains little or nothing from several threads on one eigenproblem of some hundred neurons, and twice as much as it
should from two on two. So torch has one thread here, and the threads that it had take pairs of their own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import cached_property
from typing import Any

import torch

from simbench.moments.pair import Moments
from simbench.moments.threads import one_thread

#: Neurons of the widest representation whose decompositions are made in threads: a decomposition takes about 9 copies.
WIDEST = 1024
#: Pairs that are made ready in advance, for each thread.
_AHEAD = 2


def ahead(
    pairs: Sequence[Any], make: Callable[[Any], Moments | None], widest: int
) -> Iterator[tuple[Any, Moments | None]]:
    """Each pair and its moments, as `make` gives them. What was read of the moments of one pair, and of their sides,
    before the next is asked for, is computed for those that follow. With one thread, and for wider representations than
    WIDEST, nothing is. widest: neurons of the widest."""
    threads = torch.get_num_threads()
    if threads == 1 or widest > WIDEST or len(pairs) == 1:
        yield from ((pair, make(pair)) for pair in pairs)
        return
    with one_thread(), ThreadPoolExecutor(threads - 1) as pool:
        desk, coming, rest = _Desk(pool), deque(), iter(pairs)
        try:
            while True:
                for pair in rest:
                    m = make(pair)
                    coming.append((pair, m, desk.begin(m)))
                    if len(coming) > _AHEAD * threads or not desk.read:
                        break
                if not coming:
                    return
                pair, m, ready = coming.popleft()
                if ready is not None:
                    ready.result()
                yield pair, m
                desk.learn(m)
        finally:
            pool.shutdown(cancel_futures=True)


class _Desk:
    """Where properties are computed. read: their names, of moments and of sides, once some were read."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool
        self._sides: dict[int, tuple[Any, Future]] = {}
        self.read: dict[str, set[str]] = {}

    def learn(self, m: Moments | None) -> None:
        """Remember what is computed of these moments."""
        for kind, records in (("pair", [m]), ("side", [m.a, m.b])) if m is not None else ():
            for record in records:
                self.read.setdefault(kind, set()).update(vars(record).keys() & _properties(type(record)))

    def begin(self, m: Moments | None) -> Future | None:
        """Begin to compute what was read of others; None where nothing is to be computed here."""
        if m is None or not self.read or m.mean_a.device.type != "cpu":
            return None
        sides = [self._side(side) for side in (m.a, m.b)]
        # Sides are begun before the pairs that wait for them, so some thread is always at work.
        return self._pool.submit(_compute, m, tuple(self.read["pair"]), sides)

    def _side(self, side: Any) -> Future:
        if id(side) not in self._sides:
            self._sides[id(side)] = side, self._pool.submit(_compute, side, tuple(self.read["side"]))
        return self._sides[id(side)][1]


def _properties(kind: type) -> set[str]:
    every = {name: value for parent in kind.__mro__ for name, value in vars(parent).items()}
    return {name for name, value in every.items() if isinstance(value, cached_property)}


def _compute(record: Any, names: tuple[str, ...], before: Iterable[Future] = ()) -> None:
    """Compute properties of a record that are not known yet. An error is left to whoever reads the property.

    The function of a property is called: before Python 3.12 a cached property lets one thread at a time compute.
    """
    for future in before:
        future.result()
    with torch.no_grad(), suppress(Exception):
        for name in sorted(names):
            if name not in vars(record):
                vars(record)[name] = getattr(type(record), name).func(record)
