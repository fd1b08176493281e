"""The stopwatch: the wall time of a run by stage, for users who profile it.

A stage is marked in the code: `with stage("figures"):`, `@stage("figures")` or, for methods of a class,
`@stages(draw="figures")`. Its seconds are exclusive: time in a nested stage counts for the nested stage alone.
Without a recording a stage costs one look-up of a global variable. Only the recording thread is measured: time in
worker threads and processes and in CUDA kernels counts for the stage that waits for them.
"""

from __future__ import annotations

import inspect
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path

#: Time outside all stages.
OTHER = "other"
#: Folder in which Linux reports on processes.
PROC = Path("/proc")
#: Start of the interpreter and imports, including the time before the recording.
START = "start-up"

_recorded: Profile | None = None


@dataclass(frozen=True)
class Spent:
    """Wall seconds spent in a stage, and how often it was entered (not counting entries from the same stage)."""

    stage: str
    seconds: float
    calls: int


class Profile:
    """The recording of one thread."""

    def __init__(self, clock: Callable[[], float], before: float) -> None:
        self._clock, self._thread = clock, threading.get_ident()
        self._seconds, self._calls = Counter({OTHER: 0.0}), Counter()
        self._open, self._last = [OTHER], clock()
        if before:
            self._seconds[START], self._calls[START] = before, 1

    @property
    def rows(self) -> tuple[Spent, ...]:
        """Every stage so far, longest first. They sum to the wall time until now or until the end of the recording."""
        self._charge()
        return tuple(Spent(name, seconds, self._calls[name]) for name, seconds in self._seconds.most_common())

    def enter(self, name: str, calls: int = 1) -> None:
        """Begin a stage: from now on time counts for it."""
        if threading.get_ident() == self._thread and self._open:
            self._charge()
            self._calls[name] += calls if self._open[-1] != name else 0
            self._open.append(name)

    def leave(self, name: str) -> None:
        """End a stage: time counts for the enclosing stage again. Ignores stages that began before the recording."""
        if threading.get_ident() == self._thread and name in self._open[1:]:
            self._charge()
            del self._open[-1 - self._open[::-1].index(name)]

    def end(self) -> None:
        """End the recording."""
        self._charge()
        self._open = []

    def _charge(self) -> None:
        if self._open:
            now = self._clock()
            self._seconds[self._open[-1]] += now - self._last
            self._last = now


class stage:
    """A stage of a run: a context manager, and a decorator of functions.

    A decorated generator is in the stage while it makes the next item, not while its consumer works; it counts as one
    call. `with stage(...)` must not hold a `yield`: it would count its consumer.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> None:
        if _recorded is not None:
            _recorded.enter(self.name)

    def __exit__(self, *error: object) -> None:
        if _recorded is not None:
            _recorded.leave(self.name)

    def __call__(self, function: Callable) -> Callable:
        if inspect.isgeneratorfunction(function):

            @wraps(function)
            def timed(*args, **kwargs):
                items = function(*args, **kwargs)
                yield from items if _recorded is None else self._each(items)
        else:

            @wraps(function)
            def timed(*args, **kwargs):
                if _recorded is None:
                    return function(*args, **kwargs)
                with self:
                    return function(*args, **kwargs)

        return timed

    def _each(self, items: Iterator) -> Iterator:
        calls = 1
        while True:
            profile = _recorded
            if profile is not None:
                profile.enter(self.name, calls)
            try:
                item = next(items)
            except StopIteration:
                return
            finally:
                if profile is not None:
                    profile.leave(self.name)
            calls = 0
            yield item


def stages(**names: str) -> Callable[[type], type]:
    """Decorator of a class. names: method -> name of its stage."""

    def decorated(cls: type) -> type:
        for method, name in names.items():
            setattr(cls, method, stage(name)(vars(cls)[method]))
        return cls

    return decorated


@contextmanager
def recording(clock: Callable[[], float] = time.perf_counter, before: float = 0.0) -> Iterator[Profile]:
    """Record every stage that this thread enters. before: seconds that had already passed, reported as `start-up`.
    Stages inside a nested recording do not appear in the outer one."""
    global _recorded
    outer, _recorded = _recorded, Profile(clock, before)
    profile = _recorded
    try:
        yield profile
    finally:
        profile.end()
        _recorded = outer


def since_start(proc: Path = PROC) -> float:
    """Seconds since this process began; 0 where the system does not report them (other systems than Linux)."""
    try:
        ticks = int((proc / "self/stat").read_text().rpartition(")")[2].split()[19])
        return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK"))
    except (OSError, AttributeError, ValueError, IndexError):
        return 0.0


def peak_memory(proc: Path = PROC, system: str = sys.platform) -> int | None:
    """Peak memory of this process in bytes; None where the system does not report it (Windows)."""
    try:
        import resource

        fields = (proc / "self/status").read_text().partition("VmHWM:")[2].split()
        return int(fields[0]) * 1024  # Linux; getrusage also counts the process that started this one
    except ImportError:
        return None
    except (OSError, ValueError, IndexError):
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if system == "darwin" else peak * 1024
