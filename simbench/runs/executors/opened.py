"""The workers of a run, from whatever names them: an executor, a pool of `concurrent.futures`, or nothing."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from simbench.contracts import Executor, Need, Workers
from simbench.errors import InputError
from simbench.runs.executors.courier import Courier
from simbench.runs.progress import Progress
from simbench.runs.request import Request


def opened(executor: object, need: Callable[[], Need]) -> AbstractContextManager[Workers | None]:
    """A context with the workers of an executor; those of a pool, which stays open; or None, for this process. need:
    what an executor is asked for. Raises InputError for anything else."""
    if executor is None:
        return nullcontext()
    if isinstance(executor, Executor):
        return executor.open(need())
    if isinstance(executor, concurrent.futures.Executor):
        return nullcontext(Workers(executor, 2 * getattr(executor, "_max_workers", 1)))
    raise InputError(
        f"executor is {type(executor).__name__}; a name such as 'local[workers=2]', an Executor object, or a pool of "
        "concurrent.futures is wanted"
    )


@contextmanager
def carrying(workers: Workers | None, progress: Progress, request: Request) -> Iterator[Courier | None]:
    """A context with a courier to workers, which ends what is left there; None where there are none."""
    if workers is None:
        yield None
        return
    courier = Courier(workers, progress.say, request.timeout)
    try:
        yield courier
    finally:
        courier.end()
