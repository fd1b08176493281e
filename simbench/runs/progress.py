"""Progress of a run: silence, plain lines, or a bar with the time left."""

from __future__ import annotations

import sys
import time
from typing import Protocol

from simbench.errors import unknown


class Progress(Protocol):
    """What a run reports while it works.

    begin: start a phase of `total` steps. advance: report `done` more steps, the last of them `what`. say: print a
    line. end: finish the report.
    """

    def begin(self, what: str, total: int) -> None: ...

    def advance(self, done: int, what: str) -> None: ...

    def say(self, line: str) -> None: ...

    def end(self) -> None: ...


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
    """On stderr, a plain line per finished group of cases, with the time left by the average so far."""

    def __init__(self) -> None:
        self._start, self._total, self._done = 0.0, 0, 0

    def begin(self, what: str, total: int) -> None:
        self._start, self._total, self._done = time.monotonic(), total, 0
        self.say(f"{what}: {total}")

    def advance(self, done: int, what: str) -> None:
        self._done += done
        left = (time.monotonic() - self._start) / self._done * (self._total - self._done)
        self.say(f"[{self._done}/{self._total}] {what}, {left:.0f} s left")

    def say(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    def end(self) -> None:
        pass


class Bar:
    """A live bar, on stderr or in a notebook."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
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

    def say(self, line: str) -> None:
        self._bar.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def end(self) -> None:
        self._bar.stop()


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
