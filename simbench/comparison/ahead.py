"""What indices read of the moments of pairs, computed for the next pairs in threads beside the one that asks indices.

LAPACK gains little or nothing from several threads on one eigenproblem of some hundred neurons, and twice as much as it
should from two on two. So torch has one thread here, and the threads that it had take pairs of their own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import cached_property
from typing import Any

import torch

from simbench.moments.pair import Moments
from simbench.moments.threads import one_thread

#: Names of properties that were read, of moments ("pair") and of sides ("side").
Read = dict[str, set[str]]
#: Neurons of the widest representation whose decompositions are made in threads: a decomposition takes about 9 copies.
WIDEST = 1024
#: Pairs that are made ready in advance, for each thread.
_AHEAD = 2


def ahead(
    pairs: Sequence[Any], make: Callable[[Any], Moments | None], widest: int, read: Read | None = None
) -> Iterator[tuple[Any, Moments | None]]:
    """Each pair and its moments, as `make` gives them. What was read of the moments of one pair, and of their sides,
    before the next is asked for, is computed for those that follow. With one thread, and for wider representations than
    WIDEST, nothing is. widest: neurons of the widest. read: what was read of earlier pairs, and will be of these; it is
    extended."""
    threads = torch.get_num_threads()
    if threads == 1 or widest > WIDEST:
        yield from ((pair, make(pair)) for pair in pairs)
        return
    # As many as torch had, beside this one: it only waits for much of the time.
    with one_thread(), ThreadPoolExecutor(threads) as pool:
        desk, coming, rest = _Desk(pool, {} if read is None else read), deque(), iter(pairs)
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
    """Where properties are computed. read: which, once some were read."""

    def __init__(self, pool: ThreadPoolExecutor, read: Read) -> None:
        self._pool, self.read = pool, read
        self._sides: dict[int, tuple[Any, Future]] = {}

    def learn(self, m: Moments | None) -> None:
        """Remember what is computed of these moments."""
        for kind, records in (("pair", [m]), ("side", [m.a, m.b])) if m is not None else ():
            for record in records:
                self.read.setdefault(kind, set()).update(vars(record).keys() & _properties(type(record)))

    def begin(self, m: Moments | None) -> Future | None:
        """Begin to compute what was read of others; None where nothing is to be computed here."""
        if m is None or not self.read or m.mean_a.device.type != "cpu":
            return None
        ready: Future = Future()

        def begin(done: Future) -> None:
            with suppress(RuntimeError):  # of a pool that has been shut down: nobody waits for the pair
                self._pool.submit(_compute, m, tuple(self.read["pair"]), ready)

        # A pair takes a thread once both of its sides are known, so that none waits.
        left, right = (self._side(side) for side in (m.a, m.b))
        left.add_done_callback(lambda done: right.add_done_callback(begin))
        return ready

    def _side(self, side: Any) -> Future:
        if id(side) not in self._sides:
            ready: Future = Future()
            self._sides[id(side)] = side, ready
            self._pool.submit(_compute, side, tuple(self.read["side"]), ready)
        return self._sides[id(side)][1]


def _properties(kind: type) -> set[str]:
    every = {name: value for parent in kind.__mro__ for name, value in vars(parent).items()}
    return {name for name, value in every.items() if isinstance(value, cached_property)}


def _compute(record: Any, names: tuple[str, ...], ready: Future) -> None:
    """Compute properties of a record that are not known yet. An error is left to whoever reads the property.

    The function of a property is called: before Python 3.12 a cached property lets one thread at a time compute.
    """
    try:
        with torch.no_grad(), suppress(Exception):
            for name in sorted(names):
                if name not in vars(record):
                    vars(record)[name] = getattr(type(record), name).func(record)
    finally:
        ready.set_result(None)
