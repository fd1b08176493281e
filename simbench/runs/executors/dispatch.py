"""Handing tasks to workers: as many as each may have, as the schedule says, and those that came back again."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from simbench.contracts import Workers
from simbench.errors import EngineGone
from simbench.runs.planning.schedule import Common, Schedule

#: Seconds after which it is looked whether workers have come or gone.
LOOK = 1.0


@dataclass(eq=False)
class Task:
    """A task. what: for people. tile: tasks of one tile share work, and are given to one worker while it lives; "" is
    for a task that shares nothing. seconds: estimate of what it takes. call: makes (function, arguments) when a worker
    is there, or None if nothing is left to do. shares: what a task shares with neighbours of its tile."""

    what: str
    tile: str
    seconds: float
    call: Callable[[], tuple[Callable[..., Any], tuple] | None]
    shares: Common = field(default=Common(), kw_only=True)


Each = TypeVar("Each", bound=Task)


class Dispatch(Generic[Each]):
    """Tasks on their way to workers. running: each task that was handed over, with the name of its worker. tick: called
    about once a second."""

    def __init__(self, workers: Workers, tick: Callable[[], None] = lambda: None) -> None:
        self.workers, self.tick = workers, tick
        self.running: dict[Future, tuple[Each, str]] = {}
        self._first: defaultdict[str | None, deque[Each]] = defaultdict(deque)  # worker, None for any
        self._schedule: Schedule[Each] = Schedule((), lambda task: task.seconds)
        self._refused: set[str] = set()

    def put(self, task: Each, worker: str | None = None) -> None:
        """Hand over a task before all others, to a worker if it is named and lives."""
        self._first[worker].append(task)

    def refuse(self, worker: str) -> bool:
        """Give no more tasks to a worker. Whether there are others."""
        self._refused.add(worker)
        return bool(self._slots())

    def done(self, tasks: Iterable[Each], patience: float | None = None) -> Iterator[tuple[Each, str, Future | None]]:
        """Each task as it ends, with the name of its worker and its future; None for one that had nothing left to do,
        and a failed one where `call` raised. Raises EngineGone if the engine is gone, or if there was no worker for
        `patience` seconds."""
        tasks, seen = list(tasks), time.monotonic()
        self._schedule = Schedule.of(
            tasks, lambda task: task.tile, lambda task: task.seconds, len(self._slots()), lambda task: task.shares
        )
        while True:
            slots = self._slots()
            if slots or self.running:
                seen = time.monotonic()
            elif patience is not None and time.monotonic() - seen > patience:
                raise EngineGone(f"no worker is left after {patience:g} s")
            yield from self._fill(dict(slots))
            self.tick()
            if self.running:
                over = wait(self.running, LOOK, FIRST_COMPLETED).done
                ended = [(*self.running.pop(future), future) for future in over]
                dead = {worker for _, worker, future in ended if future.cancelled() or future.exception()}
                free = {worker: number for worker, number in self._slots().items() if worker not in dead}
                yield from self._fill(free)  # workers need not wait until results are on record
                yield from ended
            elif not any(slots.values()):
                time.sleep(LOOK)
            elif not any(self._first.values()):
                return

    def cancel(self) -> None:
        """Cancel what was handed over and has not begun."""
        for future in self.running:
            future.cancel()
        self.running.clear()

    def _slots(self) -> dict[str, int]:
        return {worker: number for worker, number in self.workers.slots.items() if worker not in self._refused}

    def _fill(self, slots: dict[str, int]) -> Iterator[tuple[Each, str, Future | None]]:
        for worker in [worker for worker in self._first if worker is not None and worker not in slots]:
            self._first[None] += self._first.pop(worker)
        for gone in (worker for worker in self._schedule.workers if worker not in slots):
            self._schedule.gone(gone)
        for _, worker in self.running.values():
            if worker in slots:
                slots[worker] -= 1
        while slots and max(slots.values()) > 0:
            free = max(slots, key=lambda worker: slots[worker])
            task = self._next(free)
            if task is None:
                del slots[free]
                continue
            try:
                made = task.call()
            except Exception as error:
                failed: Future[None] = Future()
                failed.set_exception(error)
                yield task, free, failed
                continue
            if made is None:
                yield task, free, None
                continue
            call, arguments = made
            self.running[self.workers.submit(call, *arguments, to=free)] = (task, free)
            slots[free] -= 1

    def _next(self, worker: str) -> Each | None:
        for first in (self._first[worker], self._first[None]):
            if first:
                return first.popleft()
        return self._schedule.take(worker)
