"""Handing tasks to workers: as many as each may have, tasks of a tile to one worker, and those that were lost again."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from typing import Any

from simbench.contracts import Workers
from simbench.errors import EngineGone

#: Seconds after which it is looked whether workers have come or gone.
LOOK = 1.0
#: Most tasks that are read ahead to find one of another tile.
AHEAD = 4096


@dataclass(eq=False)
class Task:
    """A task. what: for people. tile: tasks of one tile share work, and are given to one worker while it lives; "" is
    for a task that shares nothing. call: makes (function, arguments) when a worker is there, or None if nothing is left
    to do."""

    what: str
    tile: str
    call: Callable[[], tuple[Callable[..., Any], tuple] | None]


class Dispatch:
    """Tasks on their way to workers. running: each task that was handed over, with the name of its worker."""

    def __init__(self, workers: Workers, tasks: Iterable[Task]) -> None:
        self.workers = workers
        self.running: dict[Future, tuple[Task, str]] = {}
        self._tasks = iter(tasks)
        self._again: deque[Task] = deque()
        self._tiles: dict[str, deque[Task]] = {}  # read ahead
        self._owner: dict[str, str] = {}  # worker -> its tile
        self._waiting = 0

    def again(self, task: Task) -> None:
        """Hand over a task before all others."""
        self._again.append(task)

    def done(self, patience: float | None = None) -> Iterator[tuple[Task, str, Future | None]]:
        """Each task as it ends, with the name of its worker and its future; None for one that had nothing left to do.
        Raises EngineGone if the engine is gone, or if there was no worker for `patience` seconds. Whoever leaves early
        cancels what is under way."""
        alone = time.monotonic()
        try:
            while True:
                slots = self.workers.slots
                alone = time.monotonic() if slots or self.running else alone
                if patience is not None and time.monotonic() - alone > patience:
                    raise EngineGone(f"no worker is left after {patience:g} s")
                yield from self._fill(dict(slots))
                if self.running:
                    ended = [
                        (*self.running.pop(future), future) for future in wait(self.running, LOOK, FIRST_COMPLETED).done
                    ]
                    yield from self._fill(dict(slots))  # workers need not wait until results are on record
                    yield from ended
                elif not slots:
                    time.sleep(LOOK)
                elif not self._again and not self._read():
                    return
        finally:
            for future in self.running:
                future.cancel()

    def _fill(self, slots: dict[str, int]) -> Iterator[tuple[Task, str, None]]:
        for worker in [worker for worker in self._owner if worker not in slots]:
            del self._owner[worker]
        for _, worker in self.running.values():
            if worker in slots:
                slots[worker] -= 1
        while True:
            free = max(slots, key=lambda worker: slots[worker], default="")
            if not slots or slots[free] <= 0:
                return
            task = self._next(free)
            if task is None:
                return
            made = task.call()
            if made is None:
                yield task, free, None
                continue
            call, arguments = made
            self.running[self.workers.submit(call, *arguments, to=free)] = (task, free)
            slots[free] -= 1

    def _next(self, worker: str) -> Task | None:
        """The task for a worker: one that was lost, or of its tile, or of a tile that no other has, or of any."""
        if self._again:
            return self._again.popleft()
        mine = self._owner.get(worker)
        if mine in self._tiles:
            return self._taken(mine)
        while self._waiting < AHEAD:
            task = next(self._tasks, None)
            if task is None:
                break
            if not task.tile or task.tile == mine:
                return task
            if task.tile not in self._owner.values() and task.tile not in self._tiles:
                self._owner[worker] = task.tile
                return task
            self._tiles.setdefault(task.tile, deque()).append(task)
            self._waiting += 1
        free = [tile for tile in self._tiles if tile not in self._owner.values()]
        if free:
            self._owner[worker] = free[0]
            return self._taken(free[0])
        longest = max(self._tiles, key=lambda tile: len(self._tiles[tile]), default=None)
        return None if longest is None else self._taken(longest, last=True)

    def _taken(self, tile: str, last: bool = False) -> Task:
        tasks = self._tiles[tile]
        task = tasks.pop() if last else tasks.popleft()
        self._waiting -= 1
        if not tasks:
            del self._tiles[tile]
        return task

    def _read(self) -> bool:
        """Whether there is a task left."""
        task = next(self._tasks, None) if not self._tiles else None
        if task is not None:
            self._tiles.setdefault(task.tile, deque()).append(task)
            self._waiting += 1
        return bool(self._tiles)
