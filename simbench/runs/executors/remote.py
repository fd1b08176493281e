"""Units on workers: measured, and measured again where a worker was lost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from simbench.errors import InputError, WorkerLost
from simbench.runs.cases import Cases
from simbench.runs.executors.courier import Answer, Courier, Errand
from simbench.runs.executors.estimate import Estimate
from simbench.runs.parcels import Depot, Parcel, results
from simbench.runs.planning.schedule import Common
from simbench.runs.reporting import advance, place, say_failed, unmeasured
from simbench.runs.sharing import Sharing
from simbench.runs.unit import Unit
from simbench.system.underway import Claim

if TYPE_CHECKING:
    from simbench.contracts.case import Case
    from simbench.measuring.measure import Measured
    from simbench.runs.progress import Progress

#: How often a unit is handed over again after its worker was lost.
MOST = 3


@dataclass(eq=False)
class Whole:
    """A unit of the plan. left: number of its parts that are under way. results: of those that ended."""

    unit: Unit
    left: int = 1
    results: list[Measured] = field(default_factory=list)


@dataclass(eq=False)
class Part(Errand):
    """A unit, or one case of it after a loss. losses: how many workers it has lost. unsent: results of cases that no
    worker can be sent. claim: on its cases, while it is under way."""

    unit: Unit = None
    whole: Whole = None
    losses: int = 0
    unsent: list[Measured] = field(default_factory=list)
    claim: Claim | None = None


class Remote:
    """Measures units on workers.

    deadly: whether a case may kill its process, which is then one of its own. shared: what is left to other runs in
    the same folder.
    """

    def __init__(
        self, courier: Courier, progress: Progress, deadly: Callable[[Case], bool], shared: Sharing[Part]
    ) -> None:
        self.courier, self.progress, self.deadly, self.shared = courier, progress, deadly, shared
        self.estimate = Estimate()

    def measured(self, units: Sequence[Unit]) -> Iterator[Measured]:
        """Results of every case, in the order in which units end."""
        at_work = getattr(self.progress, "at_work", None)  # of `runs.progress.Watching`
        if at_work is not None:
            self.estimate = Estimate(units)
            self.courier.tick = lambda: at_work(self.courier.running, self.estimate.seconds)
        yield from self._round(self._part(unit, Whole(unit)) for unit in units)
        for parts in self.shared.rounds(self.progress.say):
            yield from self._round(parts)

    def _round(self, parts: Iterable[Part]) -> Iterator[Measured]:
        for part, worker, answer in self.courier.answers(parts):
            found = part.unsent + self._found(part, worker, answer)
            for result in found:
                say_failed(result, self.progress)
            yield from found
            self.shared.end(part.claim)
            part.whole.left -= 1
            part.whole.results += found
            if not part.whole.left:
                self.estimate.learn(part.whole.unit, sum(result.seconds for result in part.whole.results))
                advance(part.whole.unit, part.whole.results, self.progress, worker)

    def _part(self, unit: Unit, whole: Whole, losses: int = 0) -> Part:
        part = Part(
            place(unit),
            unit.tile,
            unit.needs.seconds,
            lambda depot: self._parcel(part, depot),
            lambda: part.losses > 0 or any(map(self.deadly, part.unit.cases)),
            unit,
            whole,
            losses,
            shares=Common(unit.needs.layers, unit.needs.shared, unit.needs.own, unit.needs.networks),
        )
        return part

    def _parcel(self, part: Part, depot: Depot) -> Parcel | None:
        """The cases of a unit that are left to measure, and can be sent."""
        self.shared.end(part.claim)  # of a worker that was refused
        part.claim, cases, others = self.shared.claim(part.unit.cases)
        if others:
            self.shared.aside(self._part(replace(part.unit, cases=tuple(others)), part.whole), len(others))
            part.whole.left += 1
        if len(cases) < len(part.unit.cases):
            part.unit = replace(part.unit, cases=Cases.of(cases))
        if not cases:
            return None
        try:
            return depot.pack(part.unit)
        except InputError:
            sendable = []
            for case in cases:
                alone = replace(part.unit, cases=(case,))
                try:
                    depot.pack(alone)
                    sendable.append(case)
                except InputError as error:  # of what its method holds
                    part.unsent += unmeasured(alone, error, "it cannot be measured on a worker")
            part.unit = replace(part.unit, cases=tuple(sendable))
            return depot.pack(part.unit) if sendable else None

    def _found(self, part: Part, worker: str, answer: Answer) -> list[Measured]:
        """What measuring a unit gave; nothing where it is to be measured again."""
        if answer is None:
            return []
        if isinstance(answer, WorkerLost):
            if part.losses >= MOST:
                return unmeasured(part.unit, answer, f"lost {part.losses + 1} times")
            self.progress.say(f"lost: {part.what}: {answer}; it is measured again")
            for case in part.unit.cases:  # one by one, so that one that kills its worker fails alone
                self.courier.again(self._part(replace(part.unit, cases=(case,)), part.whole, part.losses + 1))
            part.whole.left += len(part.unit.cases)
            return []
        if isinstance(answer, Exception):  # the worker lacks a package, say
            return unmeasured(part.unit, answer, f"it cannot be measured on {worker or 'a worker'}")
        return results(part.unit, answer)
