"""The standard streams, which a plugin may close or replace by others."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TextIO

#: Name of a stream in `sys` -> its file descriptor.
NUMBERS = {"stdout": 1, "stderr": 2}
#: Closed stream -> the one that took its place.
_anew: dict[TextIO, TextIO] = {}


def present(name: str) -> tuple[TextIO | None, bool]:
    """A stream, and whether it is closed."""
    stream = getattr(sys, name)
    return stream, bool(getattr(stream, "closed", False))


def put_back(name: str, before: tuple[TextIO | None, bool]) -> None:
    """Make a stream what it was. One that was closed meanwhile is opened again where it is that of the process, whose
    descriptor stays open."""
    stream, closed = before
    if stream is not None and not closed and stream.closed:
        if stream is getattr(sys, f"__{name}__"):
            with suppress(OSError):  # the descriptor is closed, too
                _anew[stream] = _opened(name, stream)
                setattr(sys, f"__{name}__", _anew[stream])
        while stream in _anew:
            stream = _anew[stream]
    setattr(sys, name, stream)


def _opened(name: str, as_before: TextIO) -> TextIO:
    buffering = 1 if name == "stderr" else -1
    given = {"encoding": as_before.encoding, "errors": as_before.errors, "closefd": False}
    return open(NUMBERS[name], "w", buffering, **given)


def same(now: tuple[TextIO | None, bool], before: tuple[TextIO | None, bool]) -> bool:
    return now[0] is before[0] and now[1] == before[1]
