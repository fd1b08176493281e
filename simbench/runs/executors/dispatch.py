"""Handing tasks to workers: as many as each may have, tasks of a tile to one worker, and those that came back again."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

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


Each = TypeVar("Each", bound=Task)


class Dispatch(Generic[Each]):
    """Tasks on their way to workers. running: each task that was handed over, with the name of its worker. tick: called
    about once a second."""

    def __init__(self, workers: Workers, tick: Callable[[], None] = lambda: None) -> None:
        self.workers, self.tick = workers, tick
        self.running: dict[Future, tuple[Each, str]] = {}
        self._tasks: Iterator[Each] = iter(())
        self._first: defaultdict[str | None, deque[Each]] = defaultdict(deque)  # worker, None for any
        self._ahead = _Ahead[Each]()
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
        self._tasks, seen = iter(tasks), time.monotonic()
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
            elif not slots:
                time.sleep(LOOK)
            elif not any(self._first.values()) and not self._ahead.read(self._tasks):
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
        self._ahead.keep(slots)
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
        return self._ahead.next(worker, self._tasks)


class _Ahead(Generic[Each]):
    """Tasks that were read ahead, by tile, and the workers that the tiles are given to."""

    def __init__(self) -> None:
        self._tiles: dict[str, deque[Each]] = {}
        self._owned: dict[str, str] = {}  # worker -> its tile
        self._count = 0

    def keep(self, workers: Iterable[str]) -> None:
        """Take the tiles of all other workers, which are gone, for others."""
        self._owned = {worker: self._owned[worker] for worker in workers if worker in self._owned}

    def next(self, worker: str, tasks: Iterator[Each]) -> Each | None:
        """The next task of the worker's tile, or of a tile that no other has, or the last of the longest."""
        mine = self._owned.get(worker)
        if mine in self._tiles:
            return self._taken(mine)
        others = {tile for tile in self._owned.values() if tile != mine}
        while self._count < AHEAD:
            task = next(tasks, None)
            if task is None:
                break
            if not task.tile or task.tile == mine:
                return task
            if task.tile not in others and task.tile not in self._tiles:
                self._owned[worker] = task.tile
                return task
            self._tiles.setdefault(task.tile, deque()).append(task)
            self._count += 1
        free = next((tile for tile in self._tiles if tile not in others), None)
        if free is not None:
            self._owned[worker] = free
            return self._taken(free)
        longest = max(self._tiles, key=lambda tile: len(self._tiles[tile]), default=None)
        return None if longest is None else self._taken(longest, last=True)

    def read(self, tasks: Iterator[Each]) -> bool:
        """Whether there is a task left."""
        task = next(tasks, None) if not self._tiles else None
        if task is not None:
            self._tiles.setdefault(task.tile, deque()).append(task)
            self._count += 1
        return bool(self._tiles)

    def _taken(self, tile: str, last: bool = False) -> Each:
        tasks = self._tiles[tile]
        task = tasks.pop() if last else tasks.popleft()
        self._count -= 1
        if not tasks:
            del self._tiles[tile]
        return task
