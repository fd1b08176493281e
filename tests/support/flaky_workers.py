"""Workers in threads of this process, which are lost when they are told to, or have another installation."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from simbench import Executor, WorkerLost, Workers
from simbench.runs.parcels import Missing, Refused, deliver, opened


class Threads(Workers):
    """One worker of each name, `old` of another installation. loses(unit, number): whether the worker of a task dies.
    fails(unit, number): what is done in place of the task. given: the unit and the terms of each task."""

    def __init__(self, pool, names=("one",), loses=lambda unit, number: False, fails=None):
        super().__init__(pool, 1)
        self.names, self.loses, self.fails, self.given = names, loses, fails, []
        self.lost = set()

    @property
    def slots(self):
        return dict.fromkeys(self.names, 1)

    def submit(self, call, /, *args, to=""):
        if to == "old":
            return self.pool.submit(Refused, ("torch is 2.11.0 here and 2.10.0 on the worker; install the same",))
        deliver(args[1])
        unit = opened(args[0])
        if isinstance(unit, Missing):
            return self.pool.submit(call, *args)
        self.given.append((unit, args[2]))
        if self.fails:
            return self.pool.submit(self.fails, unit, len(self.given))
        if not self.loses(unit, len(self.given)):
            return self.pool.submit(call, *args)
        future = self.pool.submit(int)
        self.lost.add(future)
        return future

    def result(self, future):
        if future in self.lost:
            raise WorkerLost("one", "its machine burnt down")
        return super().result(future)


class Flaky(Executor):
    """These workers as an executor."""

    name, source = "flaky", "made by the tests"

    def __init__(self, **options):
        self.options, self.opened = options, None

    @contextmanager
    def open(self, need):
        with ThreadPoolExecutor(1) as pool:
            self.opened = Threads(pool, **self.options)
            yield self.opened
