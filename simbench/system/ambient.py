"""The ambient settings of a process, which all of its code shares and can change, as a table of knobs.

Only the settings of imported packages are listed: nothing here imports torch or numpy. Settings that belong to a thread
are read and restored for the calling thread.
"""

from __future__ import annotations

import _signal
import gc
import locale
import logging
import os
import random
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from functools import cache, partial

from simbench.system import streams
from simbench.system.knob import Knob
from simbench.system.torch_knobs import torch_knobs


def parts() -> Iterator[str]:
    """Names of the imported packages that have ambient settings."""
    yield "python"
    yield from (name for name in ("numpy", "torch") if hasattr(sys.modules.get(name), "random"))


@cache
def knobs(part: str) -> tuple[Knob, ...]:
    """The settings of python, numpy or torch, in the order in which they are restored."""
    return tuple({"python": _python, "numpy": _numpy, "torch": torch_knobs}[part]())


def _python() -> Iterator[Knob]:
    yield Knob("random's generator", random.getstate, random.setstate)
    yield Knob("os.environ", _environment, _set_environment)
    yield Knob("the current directory", _directory, lambda path: path and os.chdir(path))
    yield Knob(
        "the filters of warnings",
        lambda: (warnings.filters, list(warnings.filters), warnings.showwarning),
        _set_filters,
        lambda x, y: x[0] is y[0] and x[1:] == y[1:],
    )
    yield Knob("logging.disable", lambda: logging.root.manager.disable, logging.disable)
    yield Knob(
        "the locale", lambda: locale.setlocale(locale.LC_ALL), lambda name: locale.setlocale(locale.LC_ALL, name)
    )
    yield Knob("gc", gc.isenabled, lambda enabled: gc.enable() if enabled else gc.disable())
    yield Knob("the recursion limit", sys.getrecursionlimit, sys.setrecursionlimit)
    # Of `_signal`: `signal` looks for the name of a handler, which takes ten times as long.
    yield Knob("the handler of SIGINT", lambda: _signal.getsignal(signal.SIGINT), _handle, lambda x, y: x is y)

    for name in streams.NUMBERS:
        yield Knob(f"sys.{name}", partial(streams.present, name), partial(streams.put_back, name), streams.same)


def _handle(handler: object) -> None:
    """The main thread alone may set it, and not to one that C code had set (None)."""
    if handler is not None and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, handler)


def _directory() -> str:
    try:
        return os.getcwd()
    except OSError:  # the current directory was removed
        return ""


def _environment() -> dict:
    """A copy of the encoded environment: decoding every name would take 70 times as long."""
    return dict(getattr(os.environ, "_data", os.environ))


def _set_environment(value: dict) -> None:
    current = _environment()
    encoded = hasattr(os.environ, "_data")
    for name in current.keys() | value.keys():
        if current.get(name) != value.get(name):
            plain = os.environ.decodekey(name) if encoded else name
            os.environ.pop(plain, None)
            if name in value:
                os.environ[plain] = os.environ.decodevalue(value[name]) if encoded else value[name]


def _set_filters(value: tuple) -> None:
    warnings.filters, warnings.showwarning = value[0], value[2]
    warnings.filters[:] = value[1]
    getattr(warnings, "_filters_mutated", getattr(warnings, "_filters_mutated_lock_held", lambda: None))()


def _numpy() -> Iterator[Knob]:
    import numpy as np

    def same(x: tuple, y: tuple) -> bool:
        return x[0] == y[0] and x[2:] == y[2:] and bool((x[1] == y[1]).all())

    yield Knob("numpy's global generator", np.random.get_state, np.random.set_state, same)
    yield Knob("np.seterr", np.geterr, lambda value: np.seterr(**value))
    yield Knob("np.seterrcall", np.geterrcall, np.seterrcall)
    yield Knob("np.set_printoptions", np.get_printoptions, lambda value: np.set_printoptions(**value))
