"""The ambient settings of a process: what all its code shares and any of it can change, as a table of knobs.

Looked at is only what has been imported: nothing here imports torch or numpy. Seen, and put back, are the settings of
the calling thread where a setting belongs to a thread.
"""

from __future__ import annotations

import gc
import locale
import logging
import os
import random
import sys
import warnings
from collections.abc import Iterator
from functools import cache

from simbench.system.knob import Knob
from simbench.system.torch_knobs import torch_knobs


def parts() -> Iterator[str]:
    """What has been imported, of what has settings."""
    yield "python"
    yield from (name for name in ("numpy", "torch") if hasattr(sys.modules.get(name), "random"))


@cache
def knobs(part: str) -> tuple[Knob, ...]:
    """The settings of python, numpy or torch, in the order in which they are put back."""
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


def _directory() -> str:
    try:
        return os.getcwd()
    except OSError:  # removed under our feet
        return ""


def _environment() -> dict:
    """As it lies there: decoding every name takes 70 times as long as the copy."""
    return dict(getattr(os.environ, "_data", os.environ))


def _set_environment(wanted: dict) -> None:
    there = _environment()
    encoded = hasattr(os.environ, "_data")
    for name in there.keys() | wanted.keys():
        if there.get(name) != wanted.get(name):
            plain = os.environ.decodekey(name) if encoded else name
            os.environ.pop(plain, None)
            if name in wanted:
                os.environ[plain] = os.environ.decodevalue(wanted[name]) if encoded else wanted[name]


def _set_filters(wanted: tuple) -> None:
    warnings.filters, warnings.showwarning = wanted[0], wanted[2]
    warnings.filters[:] = wanted[1]
    getattr(warnings, "_filters_mutated", getattr(warnings, "_filters_mutated_lock_held", lambda: None))()


def _numpy() -> Iterator[Knob]:
    import numpy as np

    def same(x: tuple, y: tuple) -> bool:
        return x[0] == y[0] and x[2:] == y[2:] and bool((x[1] == y[1]).all())

    yield Knob("numpy's global generator", np.random.get_state, np.random.set_state, same)
    yield Knob("np.seterr", np.geterr, lambda wanted: np.seterr(**wanted))
    yield Knob("np.seterrcall", np.geterrcall, np.seterrcall)
    yield Knob("np.set_printoptions", np.get_printoptions, lambda wanted: np.set_printoptions(**wanted))
