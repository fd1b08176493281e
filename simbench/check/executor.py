"""The checks of an executor: tasks come back with what they gave, a death is told, and nothing is left."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, TimeoutError, wait
from contextlib import ExitStack, contextmanager
from functools import partial
from multiprocessing import active_children
from typing import Any

from simbench.check.contract import described
from simbench.check.outcome import Check, Skip, require
from simbench.contracts import Executor, Need, Workers
from simbench.errors import EngineGone, InputError, WorkerLost

#: Seconds that a task, a new worker or the news of a death may take.
PATIENCE = 300.0
#: Tasks of a check.
TASKS = 12


def contract(executor: Executor) -> str:
    """Name, source, version and parameters; a worker that lives has a place for a task."""
    described(executor)
    with _workers(executor) as workers:
        slots = dict(workers.slots)
        require(bool(slots), "there is no worker")
        for worker, number in slots.items():
            require(isinstance(worker, str), f"the name of a worker is {worker!r}; text is wanted")
            require(
                type(number) is int and number > 0, f"worker {worker!r} has {number!r} places; 1 or more are wanted"
            )
        threads = workers.threads
        require(threads is None or (type(threads) is int and threads > 0), f"threads is {threads!r}; 1 or more or None")
        return f"{len(slots)} workers, {sum(slots.values())} tasks at a time"


def results(executor: Executor) -> str:
    """Each future has the result of its own task, whichever worker it was handed to."""
    with _workers(executor) as workers:
        names = list(workers.slots)
        futures = [workers.submit(divmod, 100, place, to=names[place % len(names)]) for place in range(1, TASKS)]
        for place, future in enumerate(futures, 1):
            result = _result(workers, future)
            require(tuple(result) == divmod(100, place), f"divmod(100, {place}) returned {result!r}")
        return f"{len(futures)} tasks"


def errors(executor: Executor) -> str:
    """What a task raises is raised by its result, and the worker goes on."""
    with _workers(executor) as workers:
        try:
            result = _result(workers, workers.submit(divmod, 1, 0))
        except ZeroDivisionError:
            _result(workers, workers.submit(divmod, 1, 1))
            return "ZeroDivisionError came back"
        except Exception as error:
            require(False, f"a task raised ZeroDivisionError, its result {type(error).__name__}")
        require(False, f"a task raised ZeroDivisionError; its result is {result!r}")
        return ""


def death(executor: Executor) -> str:
    """A worker whose process ends raises WorkerLost, and another takes its place, or else the engine ends, too."""
    with _workers(executor) as workers:
        start = time.monotonic()
        try:
            result = _result(workers, workers.submit(os._exit, 1, to=next(iter(workers.slots))))
            require(False, f"the process of a task ended; its result is {result!r}")
        except WorkerLost:
            pass
        took = time.monotonic() - start
        while not workers.slots and time.monotonic() - start < PATIENCE:
            time.sleep(0.1)
        require(bool(workers.slots), f"{PATIENCE:g} s after a death there is no worker")
        try:
            again = _result(workers, workers.submit(divmod, 7, 2, to=next(iter(workers.slots))))
        except EngineGone:
            return f"told after {took:.1f} s; the engine ends with its worker"
        require(tuple(again) == (3, 1), f"after a death divmod(7, 2) returned {again!r}")
        return f"told after {took:.1f} s"


def end(executor: Executor) -> str:
    """When the context is over, none of the processes that it started is left, whatever they were doing."""
    before = {process.pid for process in active_children()}
    try:
        with _workers(executor) as workers:
            for name in workers.slots:
                workers.submit(time.sleep, 2 * PATIENCE, to=name)
            raise KeyError
    except KeyError:
        pass
    left = [process.name for process in active_children() if process.pid not in before]
    require(not left, f"processes are left: {', '.join(left)}")
    return "tasks were under way"


@contextmanager
def _workers(executor: Executor) -> Iterator[Workers]:
    """The workers of an executor; Skip where there can be none here, or where it works in this process."""
    with ExitStack() as stack:
        try:
            workers = stack.enter_context(executor.open(Need(tasks=TASKS)))
        except InputError as error:
            raise Skip(f"it cannot be opened here: {error}") from None
        if workers is None:
            raise Skip("it works in this process; give parameters with which it starts workers")
        yield workers


def _result(workers: Workers, future: Future[Any]) -> Any:
    """What a task returned. Raises TimeoutError for one that does not end."""
    if not wait([future], PATIENCE).done:
        raise TimeoutError(f"a task has not ended after {PATIENCE:g} s")
    return workers.result(future)


RULES: dict[str, Callable[[Executor], str]] = {
    "contract": contract,
    "results": results,
    "errors": errors,
    "death": death,
    "end": end,
}


def executor_checks(executor: Executor) -> Iterator[Check]:
    """Every check of a configured executor."""
    for name, rule in RULES.items():
        yield Check(name, partial(rule, executor))
