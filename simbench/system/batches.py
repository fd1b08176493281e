"""Batches: what a long pass over them tells whoever listens."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")
#: Called with a line such as `resnet18-0: batch 12 of 79`.
Listener = Callable[[str], None]
#: Seconds before a pass tells something, and between two lines.
PATIENCE, PAUSE = 2.0, 1.0


class _Heard:
    """listener: of the passes of this process."""

    listener: Listener | None = None


@contextmanager
def heard(listener: Listener | None) -> Iterator[None]:
    """Call the listener inside about once a second while a pass takes longer than two seconds; None hears nothing."""
    before, _Heard.listener = _Heard.listener, listener
    try:
        yield
    finally:
        _Heard.listener = before


@contextmanager
def shown(progress: bool | Listener | None) -> Iterator[None]:
    """Show the passes inside on stderr: True in lines; None in one line that is written anew, on a terminal alone;
    False not at all. Or call a function with each line."""
    if callable(progress) or progress is False:
        with heard(progress or None):
            yield
    elif progress or not sys.stderr.isatty():
        with heard(_printed if progress else _Heard.listener):
            yield
    else:
        wrote: list[str] = []
        try:
            with heard(lambda line: wrote.append(line) or _rewritten(line)):
                yield
        finally:
            if wrote:
                _rewritten("")


def _printed(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _rewritten(line: str) -> None:
    """The line in place of the one that the cursor stands in."""
    print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)


def counted(batches: Iterable[T], name: str, total: int | None, what: str = "batch") -> Iterator[T]:
    """The batches, of which there are `total` (None: not known). name: of what is passed through. what: a batch is. It
    counts once the next is asked for."""
    start = last = time.monotonic()
    for done, batch in enumerate(batches):
        now = time.monotonic()
        if done and now - start > PATIENCE and now - last >= PAUSE and _Heard.listener is not None:
            last = now
            _Heard.listener(f"{name}: {what} {done}" + ("" if total is None else f" of {total}"))
        yield batch
