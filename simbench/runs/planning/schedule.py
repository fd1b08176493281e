"""The schedule: which task a worker does next, of tasks that come in tiles."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Generic, NamedTuple, TypeVar

Work = TypeVar("Work")
#: A tile is divided while more than this part of the share of a worker is left of it. A shorter rest is divided only
#: where no network runs twice for that.
SPARED = 0.125
#: Short rests that are looked at when a worker asks.
LOOKED = 4


class Common(NamedTuple):
    """What a unit shares with its neighbours.

    what: neighbours with the same share it. seconds: that it takes a worker that has all of them. own: one that has
    this unit alone. networks: that run for this unit.
    """

    what: Hashable = ""
    seconds: float = 0.0
    own: float = math.inf
    networks: Collection[Hashable] = ()


@dataclass
class _Rest(Generic[Work]):
    """What is left of a tile, and its seconds. begun: the unit that its worker took last. whole: whether it was found,
    since then, that nobody can help."""

    units: Iterator[Work]
    seconds: float
    begun: Work | None = None
    whole: bool = False


class Schedule(Generic[Work]):
    """Gives units of tiles to workers: those of a tile, in order, to the worker that has begun it, while it lives.

    A worker without a tile begins the next one. Where all are begun, it takes over the second part of what is left of
    the tile that has most left, where both are through earlier then, though some networks run once more: nobody waits
    for the slowest worker. A short rest is divided only where no network of the units that are left, or of the one that
    was begun, runs twice for it. A unit that was lost with its worker goes first, to whoever asks. Tiles are read one
    unit at a time, and to their end only where they may be divided.

    tiles: the seconds that each is expected to take, and its units. seconds: that a unit is expected to take. least:
    a rest of fewer seconds is short. shares: what a unit shares with neighbours.
    """

    def __init__(
        self,
        tiles: Iterable[tuple[float, Iterable[Work]]],
        seconds: Callable[[Work], float],
        least: float = 0.0,
        shares: Callable[[Work], Common] = lambda work: Common(),
    ) -> None:
        self._unbegun = (_Rest(iter(units), expected) for expected, units in tiles)
        self._seconds, self._least, self._shares = seconds, least, shares
        self._begun: dict[Hashable, _Rest[Work]] = {}
        self._left_behind: deque[_Rest[Work]] = deque()
        self._lost: deque[Work] = deque()
        self.divided = 0

    @classmethod
    def of(
        cls,
        work: Sequence[Work],
        tile: Callable[[Work], str],
        seconds: Callable[[Work], float],
        workers: int,
        shares: Callable[[Work], Common] = lambda work: Common(),
    ) -> Schedule[Work]:
        """Of work in any order. tile: of a piece of work, "" for one that shares nothing."""
        tiles: dict[Hashable, list[Work]] = {}
        for place, each in enumerate(work):
            tiles.setdefault(tile(each) or place, []).append(each)
        least = SPARED * sum(map(seconds, work)) / max(1, workers)
        return cls(((sum(map(seconds, some)), some) for some in tiles.values()), seconds, least, shares)

    @property
    def workers(self) -> tuple[Hashable, ...]:
        """Those with a tile."""
        return tuple(self._begun)

    def take(self, worker: Hashable) -> Work | None:
        """The next unit for a worker; None where none is left to begin, though one that is lost may still come back."""
        if self._lost:
            return self._lost.popleft()
        while True:
            rest = self._begun.get(worker)
            unit = None if rest is None else next(rest.units, None)
            if rest is not None and unit is not None:
                rest.begun, rest.whole = unit, False
                rest.seconds -= self._seconds(unit)
                return unit
            self._begun.pop(worker, None)
            more = self._left_behind.popleft() if self._left_behind else next(self._unbegun, None)
            more = more or self._half()
            if more is None:
                return None
            self._begun[worker] = more

    def again(self, unit: Work) -> None:
        """Give a unit once more, whose worker was lost."""
        self._lost.append(unit)

    def gone(self, worker: Hashable) -> None:
        """Leave what is left of the tile of a worker, which will not ask again, to others."""
        rest = self._begun.pop(worker, None)
        if rest is not None:
            self._left_behind.append(rest)

    def _half(self) -> _Rest[Work] | None:
        """The second part of what is left of the tile that has most left, which keeps the first."""
        for place, rest in enumerate(sorted(self._begun.values(), key=lambda rest: -rest.seconds)):
            short = rest.seconds < self._least
            if short and place >= LOOKED:
                return None
            if rest.whole:
                continue
            units = list(rest.units)
            before = 0.0 if rest.begun is None else self._seconds(rest.begun) / 2
            keep = self._cut(units, self._places(rest.begun, units, short), before)
            rest.units, rest.whole = iter(units[:keep]), keep == len(units)
            if not rest.whole:
                taken = sum(map(self._seconds, units[keep:]))
                rest.seconds -= taken
                self.divided += 1
                return _Rest(iter(units[keep:]), taken)
        return None

    def _places(self, begun: Work | None, units: Sequence[Work], short: bool) -> Iterator[int]:
        """How many of the units may be kept: any number; of a short rest one after which no network runs that runs
        before, in the unit that was begun or in a later one."""
        networks = [self._shares(unit).networks if short else () for unit in units]
        last = {network: n for n, some in enumerate(networks) for network in some}
        now = () if begun is None or not short else self._shares(begun).networks
        running = max((last.get(network, -1) for network in now), default=-1)
        for n, some in enumerate(networks):
            if running < n:
                yield n
            running = max([running, *(last[network] for network in some)])

    def _cut(self, units: Sequence[Work], places: Iterable[int], before: float) -> int:
        """How many of the units to keep, one of `places`, so that both workers are through soonest: all, where none can
        help. before: seconds until their worker begins the first."""
        shared = [self._shares(unit) for unit in units]
        begun = [0.0 if not n or each.what == shared[n - 1].what else each.seconds for n, each in enumerate(shared)]
        again = [0.0] * (len(units) + 1)  # for who begins here: what the neighbours from here on share
        for n, each in reversed(list(enumerate(shared))):
            same = n + 1 < len(units) and shared[n + 1].what == each.what
            again[n] = min(each.seconds, each.own + (again[n + 1] if same else 0.0))
        spent = (self._seconds(unit) + more for unit, more in zip(units, begun, strict=True))
        upto = list(accumulate(spent, initial=before))
        best, soonest = len(units), upto[-1]
        for keep in places:
            other = upto[-1] - upto[keep] - begun[keep] + again[keep]
            if max(upto[keep], other) < soonest:
                best, soonest = keep, max(upto[keep], other)
        return best
