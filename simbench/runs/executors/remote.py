"""Units on workers: handed over, measured, and measured again where a worker was lost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from uuid import uuid4

from simbench.contracts import Workers
from simbench.errors import EngineGone, WorkerLost
from simbench.runs.executors.dispatch import Dispatch, Task
from simbench.runs.executors.packing import Packing, results
from simbench.runs.executors.task import Terms, over, work
from simbench.runs.reporting import advance, place, say_failed, unmeasured
from simbench.runs.unit import Unit
from simbench.system import interrupts

if TYPE_CHECKING:
    from simbench.contracts.case import Case
    from simbench.measuring.measure import Measured
    from simbench.runs.progress import Progress

#: How often a unit is handed over again after its worker was lost.
MOST = 3


@dataclass(eq=False)
class Whole:
    """A unit of the plan, of which parts may be under way. left: number of parts. results: of those that ended."""

    unit: Unit
    left: int = 1
    results: list[Measured] = field(default_factory=list)


@dataclass(eq=False)
class Errand(Task):
    """A unit, or one case of it after a loss, on its way to a worker. losses: how many workers it has lost."""

    unit: Unit
    whole: Whole
    losses: int = 0


class Remote:
    """Measures units on workers.

    deadly: whether a case may kill its process, which is then one of its own. recorded: whether a case has come on
    record meanwhile, from another run in the same folder.
    """

    def __init__(
        self,
        workers: Workers,
        progress: Progress,
        timeout: float | None = None,
        deadly: Callable[[Case], bool] = lambda case: False,
        recorded: Callable[[Case], bool] = lambda case: False,
    ) -> None:
        self.workers, self.progress, self.deadly, self.recorded = workers, progress, deadly, recorded
        self.terms = Terms(uuid4().hex, timeout, workers.threads, workers.shared)
        self._packing, self._unsent = Packing(), {}

    def measured(self, units: Iterable[Unit]) -> Iterator[Measured]:
        """Results of every case, in the order in which units end."""
        dispatch = Dispatch(self.workers, (self._errand(unit, Whole(unit)) for unit in units))
        try:
            for errand, worker, future in dispatch.done():
                interrupts.check()
                found = self._unsent.pop(errand, []) + self._outcome(errand, worker, future, dispatch)
                for result in found:
                    say_failed(result, self.progress)
                yield from found
                self._account(errand, found, worker)
        finally:
            self.workers.everywhere(over, self.terms.run)

    def _errand(self, unit: Unit, whole: Whole, losses: int = 0) -> Errand:
        errand = Errand(place(unit), getattr(unit, "tile", ""), lambda: self._made(errand), unit, whole, losses)
        return errand

    def _made(self, errand: Errand) -> tuple[Callable, tuple] | None:
        """The call that measures what is left of a unit."""
        cases = tuple(case for case in errand.unit.cases if not self.recorded(case))
        errand.unit = replace(errand.unit, cases=cases)
        if not cases:
            return None
        try:
            packed = self._packing.unit(errand.unit)
        except Exception:
            self._unsent[errand] = unsent = list(self._packing.unsendable(errand.unit))
            there = {result.case.key for result in unsent}
            errand.unit = replace(errand.unit, cases=tuple(case for case in cases if case.key not in there))
            if not errand.unit.cases:
                return None
            packed = self._packing.unit(errand.unit)
        apart = self.terms.apart or errand.losses > 0 or any(map(self.deadly, cases))
        return work, (packed, replace(self.terms, apart=apart))

    def _outcome(self, errand: Errand, worker: str, future: Future | None, dispatch: Dispatch) -> list[Measured]:
        """What measuring a unit gave; nothing where it is to be measured again."""
        if future is None:
            return []
        try:
            return results(errand.unit.cases, self.workers.result(future))
        except EngineGone:
            raise
        except WorkerLost as lost:
            lost = WorkerLost(lost.worker or worker, lost.reason)
            if errand.losses >= MOST:
                return unmeasured(errand.unit, lost, f"lost {errand.losses + 1} times")
            self.progress.say(f"lost: {errand.what}: {told_of(lost)}; it is measured again")
            for part in parts(errand.unit):
                dispatch.again(self._errand(part, errand.whole, errand.losses + 1))
            errand.whole.left += len(errand.unit.cases)
            return []
        except Exception as error:  # what the task raised: the worker lacks a package, say
            return unmeasured(errand.unit, error, f"it cannot be measured on {worker or 'a worker'}")

    def _account(self, errand: Errand, found: list[Measured], worker: str) -> None:
        """Report a unit when all of its parts have ended."""
        whole = errand.whole
        whole.left -= 1
        whole.results += found
        if not whole.left:
            advance(whole.unit, whole.results, self.progress, worker)


def parts(unit: Unit) -> Iterator[Unit]:
    """The cases of a unit one by one, so that one that kills its worker fails alone."""
    for case in unit.cases:
        yield replace(unit, cases=(case,))


def told_of(lost: WorkerLost) -> str:
    """The worker, and why it was lost."""
    return f"{lost.worker} was lost ({lost.reason})" if lost.worker else f"a worker was lost ({lost.reason})"
