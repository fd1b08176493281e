"""Workers of a Dask cluster."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Awaitable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from simbench_plugins.executors.dask_machine import closed, cluster

from simbench import EngineGone, Executor, InputError, Need, WorkerLost, Workers, hookimpl, number

if TYPE_CHECKING:
    from distributed import Client

#: Seconds that a scheduler has to answer, and for which what is known of the workers counts as new.
PATIENCE, FRESH = 15.0, 0.5
#: Seconds that a cluster of this machine has to start a worker again.
REVIVAL = 120.0


@dataclass(frozen=True)
class Dask(Executor):
    """Workers of a Dask cluster: of the scheduler at an address, or a cluster of this machine that ends with the run.

    address: of a scheduler, such as tcp://host:8786. workers: number of processes of a cluster of this machine, each
    with one thread. resources: that every task takes of its worker, as dask worker --resources offers them:
    GPU=1, MEMORY=4+GPU=1. A task on a GPU (`--device cuda`) takes GPU=1 where the workers of an address offer it.
    """

    address: str = ""
    workers: int = number(2, least=1)
    resources: str = ""

    name = "dask"
    source = "distributed, https://distributed.dask.org"

    def __post_init__(self):
        super().__post_init__()
        _resources(self.resources)

    @property
    def elsewhere(self) -> bool:
        return bool(self.address)

    @contextmanager
    def open(self, need: Need) -> Iterator[Workers]:
        try:
            import distributed  # noqa: F401
        except ImportError:
            raise InputError(
                "executor dask needs the package distributed, which is not installed; pip install 'simbench[dask]'"
            ) from None
        with self._client(need) as client:
            workers = Cluster(client, self.address or "of this machine", need, _resources(self.resources))
            workers.patience = None if self.address else REVIVAL
            yield workers

    @contextmanager
    def _client(self, need: Need) -> Iterator[Client]:
        """A client of the scheduler, which ends with the context, and so does a cluster that was started for it."""
        from distributed import Client

        if self.address:
            try:
                client = Client(self.address, timeout=PATIENCE, set_as_default=False, direct_to_workers=False)
            except (OSError, TimeoutError, ValueError) as error:
                raise InputError(
                    f"no Dask scheduler answers at {self.address!r} ({type(error).__name__}); start one with `dask "
                    "scheduler`, or give its address"
                ) from None
            with closed(client):
                yield client
            return
        with cluster(min(self.workers, max(1, need.tasks))) as started:
            client = Client(started, set_as_default=False)
            with closed(client):
                client.wait_for_workers(len(started.workers), timeout=300)
                yield client


class Cluster(Workers):
    """The workers of a scheduler. Each has one task at a time: tasks that wait on a worker would be lost with it."""

    def __init__(self, client: Client, where: str, need: Need, resources: dict[str, float]) -> None:
        threads = client.nthreads() if need.threads is None else {}
        super().__init__(None, 0, need.threads or min(threads.values(), default=1), shared=True)
        self.client, self.where = client, where
        self._resources = resources or ({"GPU": 1.0} if need.gpu and self._offer("GPU") else {})
        self._slots: dict[str, int] = {}
        self._given: WeakKeyDictionary[Future[Any], str] = WeakKeyDictionary()
        self._seen = 0.0

    @property
    def slots(self) -> dict[str, int]:
        self._alive()
        if time.monotonic() - self._seen > FRESH:
            try:
                info = self.client.scheduler_info(n_workers=-1)["workers"]
            except (OSError, TimeoutError) as error:
                raise self._gone() from error
            able = [
                address
                for address, worker in info.items()
                if all(worker["resources"].get(name, 0) >= least for name, least in self._resources.items())
            ]
            self._slots, self._seen = dict.fromkeys(able, 1), time.monotonic()
            self._let_go(info)
        return dict(self._slots)

    def _let_go(self, alive) -> None:
        """Cancel the tasks of workers that are gone: a scheduler without other workers would keep them for ever."""
        for future, worker in list(self._given.items()):
            if future.done():
                del self._given[future]
            elif worker not in alive:
                future.cancel()

    def submit(self, call, /, *args, to=""):
        self._alive()
        how = {"workers": [to], "allow_other_workers": True} if to else {}
        how |= {"resources": self._resources} if self._resources else {}
        task = self.client.submit(call, *args, pure=False, **how)
        future: Future[Any] = Future()
        future.add_done_callback(lambda future: task.cancel() if future.cancelled() else None)
        self.client.loop.add_callback(_fetched, task, future)
        if to:
            self._given[future] = to
        return future

    def result(self, future):
        from asyncio import CancelledError as Interrupted
        from concurrent.futures import CancelledError

        from distributed import KilledWorker
        from distributed.comm import CommClosedError

        try:
            return future.result()
        except KilledWorker as killed:
            self._seen = 0.0
            raise WorkerLost(killed.last_worker.address, "its process died, or its machine") from killed
        except (CancelledError, Interrupted, CommClosedError) as error:
            self._alive()
            self._seen = 0.0
            raise WorkerLost(self._given.get(future, ""), "it left the cluster") from error

    def everywhere(self, call, /, *args):
        with contextlib.suppress(OSError, TimeoutError, RuntimeError, ValueError):
            if self.client.status == "running":
                self.client.run(call, *args, on_error="ignore")

    def _offer(self, name: str) -> bool:
        info = self.client.scheduler_info(n_workers=-1)["workers"]
        return any(name in worker["resources"] for worker in info.values())

    def _alive(self) -> None:
        """Raise EngineGone unless the scheduler is there."""
        if self.client.status != "running":
            raise self._gone()

    def _gone(self) -> EngineGone:
        return EngineGone(f"the Dask scheduler {self.where} is gone")


async def _fetched(task: Awaitable[Any], future: Future[Any]) -> None:
    """Fetch what a task of Dask gave, for a future. That of `Client.get_executor` never ends where a worker dies
    between the end of its task and this."""
    try:
        result, error = await task, None
    except BaseException as raised:
        result, error = None, raised
    if not future.set_running_or_notify_cancel():  # it was cancelled, and who waits for it wakes up
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)


def _resources(text: str) -> dict[str, float]:
    """Resource -> number, of text such as GPU=1+MEMORY=4. Raises InputError."""
    try:
        pairs = [part.partition("=") for part in text.split("+")] if text else []
        amounts = {name.strip(): float(value) for name, _, value in pairs}
    except ValueError:
        amounts = {"": 0.0}
    if not all(name and value > 0 for name, value in amounts.items()):
        raise InputError(f"resources is {text!r}; allowed: names and numbers such as GPU=1 or GPU=1+MEMORY=4")
    return amounts


@hookimpl
def simbench_executors():
    return [Dask()]
