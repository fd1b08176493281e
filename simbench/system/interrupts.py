"""Interruptions: whether a KeyboardInterrupt is the user's Ctrl-C, or was raised by a plugin.

Inside `watched`, the handler of SIGINT remembers that the user pressed Ctrl-C. A plugin that catches the interruption,
or an interruption that fell into a destructor, which Python ignores, therefore does not swallow it.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class _Watch:
    """on: whether SIGINT is watched. pressed: whether it came."""

    on = False
    pressed = False


@contextmanager
def watched() -> Iterator[None]:
    """Remember inside whether SIGINT came, and handle it as before. Other threads than the main one are not watched; an
    inner `watched` changes nothing. In a process that ignores SIGINT, as one that a shell started in the background,
    every KeyboardInterrupt is a plugin's."""
    before = signal.getsignal(signal.SIGINT)
    if _Watch.on or threading.current_thread() is not threading.main_thread() or before is None:
        yield
        return
    if not callable(before):  # SIG_IGN or SIG_DFL: SIGINT raises nothing
        _Watch.on = True
        try:
            yield
        finally:
            _Watch.on = False
        return

    def remember(number: int, frame: object) -> None:
        _Watch.pressed = True
        before(number, frame)

    signal.signal(signal.SIGINT, remember)
    _Watch.on = True
    try:
        yield
    finally:
        _Watch.on = _Watch.pressed = False
        signal.signal(signal.SIGINT, before)


def watching() -> bool:
    """Whether a KeyboardInterrupt without `pressed` cannot be the user's."""
    return _Watch.on and threading.current_thread() is threading.main_thread()


def pressed() -> bool:
    """Whether the user has pressed Ctrl-C inside `watched`."""
    return _Watch.pressed


def check() -> None:
    """Raise KeyboardInterrupt if the user has pressed Ctrl-C inside `watched`."""
    if _Watch.pressed:
        raise KeyboardInterrupt
