"""The courier: brings parcels to workers and what they lack of them, and their answers back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar
from uuid import uuid4

from simbench.contracts import Workers
from simbench.errors import EngineGone, InputError, WorkerLost
from simbench.runs.executors.dispatch import Dispatch, Task
from simbench.runs.executors.task import Terms, over, work
from simbench.runs.parcels import Depot, Done, Missing, Parcel, Refused, deliver
from simbench.runs.planning.schedule import Common
from simbench.system import interrupts

#: Answers `Missing` after which contents that are under way count as lost, and after which an errand fails.
PATIENT, MOST = 20, 40


@dataclass(eq=False)
class Errand:
    """Work for a worker. what: for people. tile: errands of one tile go to one worker while it lives, "" to any.
    seconds: estimate of what it takes. parcel: packs it when a worker is there; None where nothing is left to do.
    apart: whether it is done in a process beside that of the worker. shares: see `dispatch.Task`."""

    what: str
    tile: str
    seconds: float
    parcel: Callable[[Depot], Parcel | None]
    apart: Callable[[], bool] = lambda: False
    shares: Common = field(default=Common(), kw_only=True)


Each = TypeVar("Each", bound=Errand)
#: What came of an errand: the answer, why the worker was lost, what else was raised, or None where nothing was left.
Answer = Done | WorkerLost | Exception | None


class Courier:
    """Carries the errands of a run.

    say: takes lines for people. timeout: seconds that a case may take. tick: called about once a second.
    """

    def __init__(self, workers: Workers, say: Callable[[str], None], timeout: float | None = None) -> None:
        self.workers, self.say = workers, say
        self.terms = Terms(uuid4().hex, timeout, workers.threads, workers.shared)
        self.depot = Depot()
        self._told: set[str] = set()
        self.tick: Callable[[], None] = lambda: None
        self._dispatch: Dispatch[Carried] = Dispatch(workers, lambda: self.tick())

    @cached_property
    def number(self) -> int:
        """Tasks that the workers do at a time, when it is first asked."""
        return max(1, sum(self.workers.slots.values()))

    @property
    def running(self) -> dict[str, str]:
        """Worker -> what it does."""
        return {worker: task.what for task, worker in self._dispatch.running.values()}

    def again(self, errand: Errand) -> None:
        """Carry an errand before all others."""
        self._dispatch.put(self._task(errand))

    def answers(self, errands: Iterable[Each]) -> Iterator[tuple[Each, str, Answer]]:
        """Each errand as it ends, with the name of its worker. Raises EngineGone if the engine is gone, InputError if
        every worker is refused."""
        try:
            for task, worker, future in self._dispatch.done(map(self._task, errands), self.workers.patience):
                interrupts.check()
                answer = self._answer(task, worker, future)
                if answer is not Ellipsis:
                    yield task.errand, worker, answer
        finally:
            self._dispatch.cancel()

    def end(self) -> None:
        """End what is left on workers."""
        self._dispatch.cancel()
        over(self.terms.run)  # of threads of this process
        self.workers.everywhere(over, self.terms.run)

    def _task(self, errand: Errand) -> Carried:
        task = Carried(errand.what, errand.tile, errand.seconds, lambda: self._call(task), errand, shares=errand.shares)
        return task

    def _call(self, task: Carried) -> tuple[Callable, tuple] | None:
        if task.parcel is None:
            task.parcel = task.errand.parcel(self.depot)
        if task.parcel is None:
            return None
        terms = replace(self.terms, apart=self.terms.apart or task.errand.apart())
        pieces, task.pieces = task.pieces, ()
        return work, (task.parcel, pieces, terms, task.wait)

    def _answer(self, task: Carried, worker: str, future: Future | None) -> Any:
        """What came of a task; Ellipsis where it goes on, as with contents: a worker says what it lacks of them."""
        if task.errand is None:
            return Ellipsis
        try:
            answer = None if future is None else self.workers.result(future)
        except EngineGone:
            raise
        except WorkerLost as lost:
            return WorkerLost(lost.worker or worker, lost.reason)
        except Exception as error:  # what packing or the task raised
            return error
        if isinstance(answer, Done) or answer is None:
            return answer
        if isinstance(answer, Refused):
            self._refuse(worker, answer)
            self._dispatch.put(self._task(task.errand))
        elif isinstance(answer, Missing):
            task.asked += 1
            if task.asked > MOST:
                return InputError(f"its contents do not reach {worker or 'the workers'}; look at the disks there")
            self._supply(task, worker, replace(answer, again=answer.again or task.asked == PATIENT))
        return Ellipsis

    def _supply(self, task: Carried, worker: str, missing: Missing) -> None:
        """Send what a worker lacks, and the task after it."""
        *first, last = tuple(self.depot.supply(missing)) or ((),)
        for message in first:
            bring = Carried(task.what, "", 0.0, lambda message=message: (deliver, (message,)), None)
            self._dispatch.put(bring, worker)
        task.pieces, task.wait = last, 0.0 if last else 0.1  # else another task brings it
        self._dispatch.put(task, worker)

    def _refuse(self, worker: str, refused: Refused) -> None:
        lines = "; ".join(refused.lines)
        if not self._dispatch.refuse(worker):
            raise InputError(f"no worker can be used: {lines}")
        if worker not in self._told:  # another task may have been on its way
            self._told.add(worker)
            self.say(f"worker {worker} is left out: {lines}")


@dataclass(eq=False)
class Carried(Task):
    """An errand on its way; None brings contents only. asked: how often contents were missing. wait: seconds to wait on
    the worker for contents that are under way."""

    errand: Errand | None
    parcel: Parcel | None = None
    pieces: tuple = ()
    asked: int = 0
    wait: float = 0.0
