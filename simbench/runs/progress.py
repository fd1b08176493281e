"""Progress of a run: silence, plain lines, or a bar with the time left."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Protocol

from simbench.errors import unknown

#: Seconds without a finished group of cases after which `Lines` says what workers do.
QUIET = 60.0


class Progress(Protocol):
    """What a run reports while it works.

    begin: start a phase of `total` steps. advance: report `done` more steps, the last of them `what`. say: print a
    line. end: finish the report.
    """

    def begin(self, what: str, total: int) -> None: ...

    def advance(self, done: int, what: str) -> None: ...

    def say(self, line: str) -> None: ...

    def end(self) -> None: ...


class Watching(Progress, Protocol):
    """A progress that also shows what workers do.

    at_work: called about once a second with worker -> what it does, and the seconds that are left, None where nobody
    can tell yet.
    """

    def at_work(self, running: Mapping[str, str], left: float | None) -> None: ...


class Silent:
    """Nothing is shown."""

    def begin(self, what: str, total: int) -> None:
        pass

    def advance(self, done: int, what: str) -> None:
        pass

    def say(self, line: str) -> None:
        pass

    def end(self) -> None:
        pass


class Lines:
    """On stderr, a plain line per finished group of cases, with the time left by the average so far, or as it is learnt
    from workers; and a line about the workers after a silence of a minute."""

    def __init__(self) -> None:
        self._start, self._total, self._done = 0.0, 0, 0
        self._left: float | None = None
        self._said = 0.0

    def begin(self, what: str, total: int) -> None:
        self._start, self._total, self._done, self._left = time.monotonic(), total, 0, None
        self.say(f"{what}: {total}")

    def advance(self, done: int, what: str) -> None:
        self._done += done
        self._said = now = time.monotonic()
        left = (now - self._start) / self._done * (self._total - self._done)
        left = left if self._left is None else self._left
        self.say(f"[{self._done}/{self._total}] {what}, {left:.0f} s left")

    def at_work(self, running: Mapping[str, str], left: float | None) -> None:
        self._left, now = left, time.monotonic()
        self._said = max(self._said, self._start)
        if now - self._said > QUIET:
            self._said = now
            self.say(f"[{self._done}/{self._total}] {at_work(running)}" + (f", {left:.0f} s left" if left else ""))

    def say(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    def end(self) -> None:
        pass


class Bar:
    """A live bar, on stderr or in a notebook."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
        from rich.text import Text

        class Remaining(TimeRemainingColumn):
            def render(self, task):
                left = task.fields.get("left")
                return super().render(task) if left is None else Text(clock(left), style="progress.remaining")

        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            Remaining(),
            TextColumn("left"),
            TextColumn("{task.fields[last]}", markup=False),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = None

    def begin(self, what: str, total: int) -> None:
        self._bar.start()
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(what, total=total, last="")

    def advance(self, done: int, what: str) -> None:
        self._bar.update(self._task, advance=done, last=what)

    def at_work(self, running: Mapping[str, str], left: float | None) -> None:
        if self._task is not None:
            self._bar.update(self._task, left=left, last=at_work(running))

    def say(self, line: str) -> None:
        self._bar.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def end(self) -> None:
        self._bar.stop()


def at_work(running: Mapping[str, str], most: int = 4) -> str:
    """What workers do, of a few of them.

    >>> at_work({"local-1": "net-0 -> net-1 bn8", "local-2": "net-2"})
    'local-1: net-0 -> net-1 bn8; local-2: net-2'
    >>> at_work({"a": "x", "b": "y", "c": "z"}, most=2)
    'a: x; b: y; and 1 more'
    """
    some = [f"{worker}: {what}" if worker else what for worker, what in list(running.items())[:most]]
    more = len(running) - len(some)
    return "; ".join(some + ([f"and {more} more"] if more else [])) or "no worker is there"


def clock(seconds: float) -> str:
    """
    >>> clock(3725.4)
    '1:02:05'
    """
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def progress() -> Progress:
    """A bar if stderr is a terminal, else lines."""
    return Bar() if sys.stderr.isatty() else Lines()


def shown(given: str | Progress | None) -> Progress:
    """The progress with a name, "bar" or "lines"; None shows nothing, and an object is returned unchanged.

    >>> shown("lines").__class__.__name__, shown(None).__class__.__name__
    ('Lines', 'Silent')
    """
    names = {"bar": Bar, "lines": Lines}
    if isinstance(given, str):
        if given not in names:
            raise unknown("progress", given, names)
        return names[given]()
    return Silent() if given is None else given
