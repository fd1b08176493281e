"""The default executor: this process."""

from __future__ import annotations

from concurrent.futures import Executor, Future


class InProcess(Executor):
    """Runs each call immediately in the calling thread. An interruption ends the run, not only the call."""

    def submit(self, fn, /, *args, **kwargs) -> Future:
        future: Future = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future
