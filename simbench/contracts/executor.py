"""The contract of an executor: where the work of a run is done, and the workers that do it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from concurrent.futures import BrokenExecutor, CancelledError, Future
from concurrent.futures import Executor as Pool
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

from simbench.contracts.plugin import Plugin
from simbench.errors import EngineGone, WorkerLost


@dataclass(frozen=True)
class Need:
    """What a run asks of its workers.

    tasks: number of tasks at the start; more workers than these would have nothing to do. threads: of torch, for the
    whole run on this machine; None where the user names none. gpu: whether every task needs a GPU. seconds: that one
    worker is expected to take at least; infinite where nobody knows.
    """

    tasks: int
    threads: int | None = None
    gpu: bool = False
    seconds: float = math.inf


class Workers:
    """The workers of an open executor; as it stands, those of a pool with the interface of `concurrent.futures`.

    A task is a function of an installed module and plain arguments, both of which pickle.

    pool: takes the tasks. number: of tasks that it does at a time. threads: of torch in each task; None leaves those
    that the process of the worker has. shared: True where a task shares its process with others, or with the engine:
    cases are then measured in a process beside it, which may die or be killed alone. patience: seconds without a worker
    after which the run ends; None waits for new ones. beside: whether the workers are processes of this machine, which
    divide the memory that the user allows to the run.
    """

    patience: float | None = None
    beside: bool = False

    def __init__(self, pool: Pool | None, number: int, threads: int | None = None, shared: bool = False) -> None:
        self.pool, self.number, self.threads, self.shared = pool, number, threads, shared

    @property
    def slots(self) -> Mapping[str, int]:
        """Name of each worker that lives now -> the tasks that it may have at a time, those that wait included: as
        many as the death of the worker may cost. One worker "" stands for an engine that hands out tasks itself.
        Raises EngineGone if the engine is gone."""
        return {"": self.number}

    def submit(self, call: Callable[..., Any], /, *args: Any, to: str = "") -> Future[Any]:
        """Hand over a task, to the worker of this name if it lives and the engine can choose. Raises EngineGone."""
        if self.pool is None:
            raise TypeError(f"{type(self).__name__} has no pool, and defines no `submit`")
        try:
            return self.pool.submit(call, *args)
        except BrokenExecutor as error:
            raise EngineGone(f"the pool of workers is broken ({type(error).__name__}: {error})") from error

    def result(self, future: Future[Any]) -> Any:
        """What a finished task returned. Raises what it raised; WorkerLost, which names the worker, if the worker died
        before the end of the task; and EngineGone if the engine is gone."""
        try:
            return future.result()
        except (BrokenExecutor, CancelledError) as error:
            raise WorkerLost("", f"{type(error).__name__}: {error}") from error

    def everywhere(self, call: Callable[..., Any], /, *args: Any) -> None:
        """Call a function in the process of every worker, beside the task that runs there, where the engine can: so
        does a run end what it has left on workers. It may be called when workers or the engine are gone."""


class Executor(Plugin):
    """Where the work of a run is done: in processes of this machine, or by the engine of a cluster.

    The parameters say how many workers, where, and with what. The driver of a run keeps the order, the results folder
    and what is done when a worker dies; an executor only passes tasks to workers and their results back.

    source: the engine, or where it is documented. default: whether `simbench run` uses it, with its default parameters,
    where --executor names none.
    """

    kind = "executors"
    default: ClassVar[bool] = False

    @property
    def elsewhere(self) -> bool:
        """Whether the workers are on other machines, so that the devices of this one say nothing about them."""
        return False

    def ahead(self, need: Need) -> None:
        """Begin what takes `open(need)` longest, beside what the run still does before it: starting processes, say. By
        default nothing. What it begins ends with this process at the latest."""

    def open(self, need: Need) -> AbstractContextManager[Workers | None]:
        """A context with the workers, of which nothing is left when it is over, also if it ends by an exception; None
        stands for this process. Raises InputError if there can be no workers: a missing package, a wrong address."""
        raise TypeError(f"executor {self.name!r} opens nothing")
