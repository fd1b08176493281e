"""The time that is left of a run on workers, by what units of each kind have taken so far."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable

from simbench.runs.unit import Unit

#: Experiments, layers, and methods of its cases.
Kind = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]


class Estimate:
    """Learns what units take. units: all that are to be measured. clock: seconds.

    A kind that no unit was measured of is expected to take what the plan says of it, times what the measured units took
    by their plan; without a plan, as long as the others took on average.
    """

    def __init__(self, units: Iterable[Unit] = (), clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._start = clock, clock()
        self._kinds: dict[int, tuple[Unit, Kind]] = {}
        self._left: Counter[Kind] = Counter()
        self._planned: defaultdict[Kind, float] = defaultdict(float)
        for unit in units:
            self._left[self._kind(unit)] += 1
            self._planned[self._kind(unit)] += unit.needs.seconds
        self._number = Counter(self._left)
        self._done: Counter[Kind] = Counter()
        self._spent: defaultdict[Kind, float] = defaultdict(float)

    def learn(self, unit: Unit, seconds: float) -> None:
        """A unit is done, which took so many seconds of its worker."""
        what = self._kind(unit)
        self._left[what] -= 1
        self._done[what] += 1
        self._spent[what] += seconds

    def _kind(self, unit: Unit) -> Kind:
        """Of a unit, from its cases once."""
        if id(unit) not in self._kinds:
            self._kinds[id(unit)] = unit, kind(unit)  # held, so that no other unit gets its id
        return self._kinds[id(unit)][1]

    @property
    def seconds(self) -> float | None:
        """Until the end of the run, at the pace so far; None before a unit has taken time."""
        spent = sum(self._spent.values())
        if not spent:
            return None
        planned = sum(self._planned[each] / self._number[each] * done for each, done in self._done.items())
        mean = spent / sum(self._done.values())

        def expected(each: Kind) -> float:
            if self._done[each]:
                return self._spent[each] / self._done[each]
            one = self._planned[each] / self._number[each]
            return one * spent / planned if one and planned else mean

        work = sum(expected(each) * left for each, left in self._left.items() if left > 0)
        return work * (self._clock() - self._start) / spent


def kind(unit: Unit) -> Kind:
    """What units of about the same cost have in common."""
    cases = list(unit.cases)
    experiments = {case.experiment.spec for case in cases}
    methods = {case.method.spec for case in cases if case.method}
    return tuple(sorted(experiments)), tuple(sorted({case.place for case in cases})), tuple(sorted(methods))
