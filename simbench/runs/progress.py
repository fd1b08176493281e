"""Progress on stderr: a bar with the time left on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from typing import Protocol


class Progress(Protocol):
    """What the driver reports while it works."""

    def begin(self, what: str, total: int) -> None: ...

    def advance(self, done: int, what: str) -> None: ...

    def say(self, line: str) -> None: ...

    def end(self) -> None: ...


class Lines:
    """A plain line per finished group of cases, with the time left by the average so far."""

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
    """A live bar on a terminal."""

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
