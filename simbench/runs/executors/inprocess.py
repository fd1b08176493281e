"""Where work runs: in this process by default, behind the interface of concurrent.futures."""

from __future__ import annotations

from concurrent.futures import Executor, Future


class InProcess(Executor):
    """Runs each call at once in the calling thread; an interruption ends the run, not just the call."""

    def submit(self, fn, /, *args, **kwargs) -> Future:
        future: Future = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future
