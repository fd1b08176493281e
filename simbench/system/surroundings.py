"""Surroundings: the ambient settings in which code of the host and code of plugins run, each in its own.

    with known(seed):          # a case: settings known, generators seeded
        with abroad():         # a call of a plugin, which may change any of them
            with at_home():    # what the plugin asks of the host meanwhile
                ...

Each puts back at its end what it found, so that what a plugin changes lasts as long as the call and reaches no number
but its own. Nothing here imports torch: what is imported on the way is put back to what it was when it came.
"""

from __future__ import annotations

import importlib.util
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from simbench.system import ambient

#: Settings of torch that change numbers, as a case finds them whoever starts it. The number of threads is the user's.
KNOWN = {
    "torch's inference mode": False,
    "torch's grad mode": True,
    "torch's default device": None,
    "torch's autocast": False,
    "torch.set_flush_denormal": False,
    "torch's float32 matmul precision": "highest",
}

_calls = threading.local()


class Surroundings:
    """The ambient settings at one moment."""

    def __init__(self) -> None:
        self._values = {part: [knob.read() for knob in ambient.knobs(part)] for part in ambient.parts()}

    def restore(self, but: str = "") -> list[str]:
        """Put everything back, but for the setting of that name; the names of what had changed."""
        changed = []
        for part, values in self._values.items():
            for knob, value in zip(ambient.knobs(part), values, strict=True):
                if knob.name != but and not knob.same(knob.read(), value):
                    knob.write(value)
                    changed.append(knob.name)
        return changed

    def add(self, part: str) -> None:
        """Take in what has just been imported, as it came."""
        self._values.setdefault(part, [knob.read() for knob in ambient.knobs(part)])


@contextmanager
def abroad() -> Iterator[list[str]]:
    """Code of a plugin runs inside. The list names, in the end, the settings it left changed, which are put back."""
    here, changed = Surroundings(), []
    stack = _stack()
    stack.append(here)
    finder = _Witness({"numpy", "torch"} - set(ambient.parts()), here)
    try:
        with finder:
            yield changed
    finally:
        stack.pop()
        changed += here.restore()


@contextmanager
def at_home() -> Iterator[None]:
    """Code of the host runs inside, in the surroundings that it left to call the plugin which calls it now; where no
    plugin does, nothing changes."""
    stack = _stack()
    if not stack or stack[-1] is None:
        yield
        return
    there = Surroundings()
    stack[-1].restore()
    stack.append(None)
    try:
        yield
    finally:
        stack.pop()
        there.restore()


def settle() -> None:
    """Before the host makes what it will keep for all: undo what a mere look at a plugin, such as at its claims, may
    have changed since the host was called."""
    stack = _stack()
    if stack and stack[-1] is None:
        next(here for here in reversed(stack) if here is not None).restore(but="torch's grad mode")


@contextmanager
def known(seed: int) -> Iterator[None]:
    """Surroundings that are the same wherever and after whatever this runs: `KNOWN`, float32, global generators seeded.

    What draws from a global generator inside so depends on the seed alone.
    """
    import random

    import numpy as np
    import torch

    before = Surroundings()
    try:
        for knob in ambient.knobs("torch"):
            if knob.name in KNOWN and knob.read() != KNOWN[knob.name]:
                knob.write(KNOWN[knob.name])
        if torch.get_default_dtype() != torch.float32:
            torch.set_default_dtype(torch.float32)
        random.seed(seed)
        np.random.seed(seed % 2**32)
        torch.default_generator.manual_seed(seed)
        if torch.cuda.is_initialized():
            torch.cuda.manual_seed_all(seed)
        yield
    finally:
        before.restore()


def seed_of(key: str) -> int:
    """A seed from a sha256 in hexadecimal digits."""
    return int(key[:15], 16)


def of_plugin(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, which does nothing but call code of plugins, run `abroad`."""

    @wraps(function)
    def called(*args, **kwargs):
        with abroad():
            return function(*args, **kwargs)

    return called


def _stack() -> list[Surroundings | None]:
    """Of this thread: what the host left at each call of a plugin that has not returned; None where the host runs
    within one."""
    if not hasattr(_calls, "stack"):
        _calls.stack = []
    return _calls.stack


class _Witness:
    """A finder of modules that finds nothing itself, and adds what others find to surroundings once it is loaded,
    before anything else can touch it."""

    def __init__(self, names: set[str], here: Surroundings) -> None:
        self._names, self._here = names, here

    def __enter__(self) -> None:
        if self._names:
            sys.meta_path.insert(0, self)

    def __exit__(self, *error: object) -> None:
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(self, name: str, path=None, target=None):
        if name not in self._names:
            return None
        self._names.discard(name)
        spec = importlib.util.find_spec(name)
        load = getattr(spec and spec.loader, "exec_module", None)
        if load is None:
            return spec

        def loaded(module) -> None:
            load(module)
            self._here.add(name)

        spec.loader.exec_module = loaded
        return spec
