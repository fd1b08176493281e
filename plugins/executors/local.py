"""Processes of this machine."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import active_children, get_all_start_methods, get_context, parent_process
from typing import Any, Literal
from weakref import WeakKeyDictionary

from simbench import Executor, InputError, Need, WorkerLost, Workers, hookimpl
from simbench.system import interrupts
from simbench.system.hardware import memory, processors

#: Seconds that a process may take to start and import torch.
PATIENCE = 300
#: Seconds of work from which processes of their own are worth the seconds that they take to start.
WORTH = 30.0
#: Most processes that `auto` starts, and bytes of memory that the machine needs for each.
MOST, ROOM = 16, 2**31
#: What a process imports before it is forked, where processes can be forked.
AHEAD = "simbench.runs.executors.forked"
#: Whether there is a server of forks.
SERVED = "forkserver" in get_all_start_methods()


@dataclass(frozen=True)
class Local(Executor):
    """Processes of this machine, each with a pool of its own, so that one that dies takes no other's work along; it is
    replaced.

    workers: number of processes; 1 is the process of the run itself. auto is one for each processor, or each thread of
    `--threads`, at most 16 and one for each 2 GiB of memory; for a run of less than half a minute, or on a GPU, it is
    1. threads: of torch in each; auto divides those of `--threads`, or of the machine, between the processes.
    """

    workers: Literal["auto"] | int = "auto"
    threads: Literal["auto"] | int = "auto"

    name = "local"
    source = "concurrent.futures"
    default = True

    def __post_init__(self):
        super().__post_init__()
        if self.workers != "auto" and not (type(self.workers) is int and self.workers > 0):
            raise InputError(f"workers is {self.workers!r}; auto or a whole number from 1 is allowed")
        if self.threads != "auto" and not (type(self.threads) is int and self.threads > 0):
            raise InputError(f"threads is {self.threads!r}; auto or a whole number from 1 is allowed")

    def _number(self, need: Need) -> int:
        """Of processes for a run."""
        if self.workers != "auto":
            return max(1, min(self.workers, need.tasks))
        if need.gpu or need.seconds < WORTH:
            return 1
        return max(1, min(need.threads or processors(), need.tasks, MOST, memory() // ROOM))

    def _here(self, need: Need) -> bool:
        """Whether the process of the run does the work."""
        return self.threads == "auto" and (self.workers == 1 or (self.workers == "auto" and self._number(need) == 1))

    def ahead(self, need: Need) -> None:
        """Start the server of forks, which then imports torch while the process of the run does."""
        if not self._here(need) and SERVED:
            from multiprocessing import forkserver

            context().set_forkserver_preload([AHEAD])
            with contextlib.suppress(OSError), interrupts.delayed():  # `open` says so; a Ctrl-C is for this process
                forkserver.ensure_running()

    @contextmanager
    def open(self, need: Need) -> Iterator[Workers | None]:
        if self._here(need):
            yield None
            return
        number = self._number(need)
        whole = need.threads or processors()
        workers = Processes(number, max(1, whole // number) if self.threads == "auto" else self.threads)
        try:
            workers.start()
            yield workers
        finally:
            workers.close()


def context() -> Any:
    """How processes are started."""
    return get_context("forkserver" if SERVED else "spawn")


class Processes(Workers):
    """Pools of one process each, by name."""

    beside = True

    def __init__(self, number: int, threads: int) -> None:
        super().__init__(None, number, threads)
        self._context = context()
        if SERVED:
            self._context.set_forkserver_preload([AHEAD])
        self._pools: dict[str, tuple[ProcessPoolExecutor, Future[int]]] = {}
        self._places: WeakKeyDictionary[Future[Any], str] = WeakKeyDictionary()

    @property
    def slots(self) -> dict[str, int]:
        return {f"local-{place}": 1 for place in range(1, self.number + 1)}

    def start(self) -> None:
        """Start all processes. Raises InputError if one ends at once."""
        for name in self.slots:
            self._pools[name] = self._pool()
        try:
            for _, pid in self._pools.values():
                pid.result(PATIENCE)
        except (BrokenExecutor, TimeoutError, OSError) as error:
            raise InputError(
                f"executor local can start no process ({type(error).__name__}: {error}); a script that calls "
                "simbench.run needs `if __name__ == '__main__':` around it"
            ) from error

    def submit(self, call, /, *args, to=""):
        name = to or next(iter(self._pools))
        try:
            future = self._pools[name][0].submit(call, *args)
        except BrokenExecutor:  # it died
            self._end(name)
            self._pools[name] = self._pool()
            future = self._pools[name][0].submit(call, *args)
        self._places[future] = f"{name}, process {self._pid(name)}"
        return future

    def result(self, future):
        try:
            return super().result(future)
        except WorkerLost as lost:
            raise WorkerLost(self._places.get(future, ""), "its process died") from lost

    def close(self) -> None:
        """End all processes, whatever they are doing."""
        for name in list(self._pools):
            self._end(name)

    def _pool(self) -> tuple[ProcessPoolExecutor, Future[int]]:
        """A pool and its process's id, which is there when the process is."""
        pool = ProcessPoolExecutor(1, self._context, begin, (dict(os.environ), os.getcwd()))
        return pool, pool.submit(os.getpid)

    def _pid(self, name: str) -> int | None:
        pid = self._pools[name][1]
        return pid.result() if pid.done() and not pid.exception() else None

    def _end(self, name: str) -> None:
        pool, started = self._pools.pop(name)
        try:
            pid = started.result(PATIENCE)
        except (BrokenExecutor, TimeoutError, OSError):
            pid = None
        for process in active_children():
            if process.pid == pid:
                process.kill()
        pool.shutdown(wait=pid is not None, cancel_futures=True)


def begin(environment: dict[str, str], folder: str) -> None:
    """In a new process: the environment and folder of the one that wants it, with which it also ends. A Ctrl-C is for
    that one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.clear()
    os.environ.update(environment)
    with contextlib.suppress(OSError):  # removed meanwhile
        os.chdir(folder)
    threading.Thread(target=_end_with, args=(parent_process(),), daemon=True).start()


def _end_with(parent: Any) -> None:
    parent.join()
    os._exit(1)


@hookimpl
def simbench_executors():
    return [Local()]
