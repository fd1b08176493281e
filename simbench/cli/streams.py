"""The streams of the process: a report that cannot be shown does not end the work, and the process ends quietly."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from typing import Any

from simbench.errors import InputError


class Unfailing:
    """A text stream whose writes cannot fail: what is closed or full shows nothing. stream: None where it is closed."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        if not isinstance(text, str):  # as of every text stream: click asks
            raise TypeError("text is wanted")
        with contextlib.suppress(OSError, ValueError, AttributeError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError, AttributeError):
            self._stream.flush()

    def isatty(self) -> bool:
        return self._stream is not None and not self._stream.closed and self._stream.isatty()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def unfailing() -> Iterator[None]:
    """Within: stderr cannot fail, and stdout shows characters that it cannot encode as escapes, or nothing where it is
    closed."""
    given, shown = sys.stderr, sys.stdout
    sys.stderr = Unfailing(given)  # type: ignore[assignment]
    with open(os.devnull, "w", encoding="utf-8") if shown is None else contextlib.nullcontext(shown) as sys.stdout:
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(errors="backslashreplace")
        try:
            yield
        finally:
            sys.stderr, sys.stdout = given, shown


def occupy() -> None:
    """Open what was closed of the three standard streams, on nothing: the next file that is opened would take its
    number, and receive what libraries print there."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)
    os.close(number)


def must_have_a_place() -> None:
    """Raise InputError where the working directory was deleted."""
    try:
        os.getcwd()
    except OSError:
        raise InputError("the working directory does not exist any more; change to another folder") from None


def finish() -> None:
    """Write what stdout still holds, so that it fails here, if it does. Raises OSError."""
    if sys.stdout is not None and not sys.stdout.closed:
        sys.stdout.flush()


def abandon() -> None:
    """Let stdout, which cannot be written, lead nowhere: the end of the interpreter would try again."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        if sys.stdout is sys.__stdout__:
            try:
                sys.stdout.flush()
            except OSError:
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def leave() -> None:
    """From here on, Ctrl-C ends the process at once: the interpreter's own end would show a traceback."""
    abandon()
    with contextlib.suppress(OSError, ValueError):
        if sys.stderr is not None and sys.__stderr__ is not None:
            try:
                sys.__stderr__.flush()
            except OSError:
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stderr__.fileno())
    if signal.getsignal(signal.SIGINT) not in (signal.SIG_IGN, None):
        signal.signal(signal.SIGINT, signal.SIG_DFL)
