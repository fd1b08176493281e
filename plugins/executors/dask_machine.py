"""A Dask cluster of this machine, which ends with the run."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from simbench import InputError
from simbench.system import interrupts

if TYPE_CHECKING:
    from distributed import Client


@contextmanager
def cluster(number: int) -> Iterator[Any]:
    """A scheduler in this process, and worker processes of one thread each. A task is lost with its first worker: the
    run knows better what to do about it."""
    import dask
    from distributed import LocalCluster

    settings = {
        "distributed.scheduler.allowed-failures": 0,
        "distributed.worker.daemon": False,
        "distributed.worker.memory.terminate": False,
        "distributed.worker.profile.enabled": False,  # it looks at the stack of every thread every 10 ms
        "distributed.scheduler.work-stealing": False,  # each worker has one task at a time
        "distributed.admin.tick.interval": "500ms",
        "distributed.admin.log-length": 0,
    }
    with dask.config.set(settings):
        try:
            with interrupts.delayed():  # a Ctrl-C is for this process, which ends the workers
                started = LocalCluster(
                    n_workers=number,
                    threads_per_worker=1,
                    processes=True,
                    dashboard_address="127.0.0.1:0",
                    scheduler_kwargs={"dashboard": False},  # nobody is told its address, and it watches every message
                    memory_limit=0,
                    silence_logs=logging.CRITICAL,
                )
        except (OSError, RuntimeError, TimeoutError) as error:
            raise InputError(
                f"executor dask can start no processes ({type(error).__name__}: {error}); a script that calls "
                "simbench.run needs `if __name__ == '__main__':` around it"
            ) from error
        try:
            yield started
        finally:
            started.close(timeout=30)


@contextmanager
def closed(client: Client) -> Iterator[None]:
    """A context at whose end a client is closed."""
    try:
        yield
    finally:
        with contextlib.suppress(OSError, TimeoutError):
            client.close(timeout=10)
