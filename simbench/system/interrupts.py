"""Interruptions: whether a KeyboardInterrupt is the user's Ctrl-C, or was raised by a plugin; and that none is lost.

Python raises a KeyboardInterrupt wherever the main thread happens to be. In a destructor, or in a callback of the
garbage collector or of the import system, it is reported and ignored; an extension module under way of being imported
turns it into an ImportError; a plugin may catch it. Inside `watched`, the handler of SIGINT therefore remembers that
the user pressed Ctrl-C, and whatever was made of it, `check` and the end of `watched` raise it again.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class _Watch:
    """on: whether SIGINT is watched. pressed: whether it came."""

    on = False
    pressed = False


@contextmanager
def watched(final: bool = False) -> Iterator[None]:
    """Remember inside whether SIGINT came, and handle it as before; at the end raise KeyboardInterrupt if it came, also
    in place of another exception. Other threads than the main one are not watched; an inner `watched` changes nothing.
    In a process that ignores SIGINT, as one that a shell started in the background, every KeyboardInterrupt is a
    plugin's.

    final: the process ends with it. A second Ctrl-C kills the process at once, and so does one after the end.
    """
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
        if final and _Watch.pressed:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            signal.raise_signal(signal.SIGINT)
        _Watch.pressed = True
        before(number, frame)

    report = sys.unraisablehook

    def reported(ignored: sys.UnraisableHookArgs) -> None:
        if not (_Watch.pressed and issubclass(ignored.exc_type, KeyboardInterrupt)):  # else it is raised again
            report(ignored)

    signal.signal(signal.SIGINT, remember)
    sys.unraisablehook = reported
    _Watch.on = True
    try:
        yield
        check()
    except BaseException as raised:
        if _Watch.pressed and not isinstance(raised, KeyboardInterrupt):
            raise KeyboardInterrupt from raised
        raise
    finally:
        after = signal.SIG_DFL if final else before
        try:
            signal.signal(signal.SIGINT, after)
        finally:  # a Ctrl-C at this very moment leaves no watch behind
            signal.signal(signal.SIGINT, after)
            sys.unraisablehook = report
            _Watch.on = _Watch.pressed = False


@contextmanager
def delayed() -> Iterator[None]:
    """Hold SIGINT back inside, to have it at the end. A process that is started inside never has it."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    came: list[int] = []
    handler = signal.getsignal(signal.SIGINT)
    main = threading.current_thread() is threading.main_thread() and callable(handler)
    if main:  # the mask is this thread's, and SIGINT then goes to another thread of the process, if there is one
        signal.signal(signal.SIGINT, lambda number, frame: came.append(number))
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # which would unblock SIGINT when the first process is started
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if main:
            signal.signal(signal.SIGINT, handler)
        if came:
            signal.raise_signal(signal.SIGINT)


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
