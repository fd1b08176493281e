"""Surroundings: context managers that keep the ambient settings of the host and of plugins apart.

    with known(seed):          # a case runs with fixed settings and seeded generators
        with abroad():         # a plugin is called, which may change any setting
            with at_home():    # the plugin calls the host back
                ...

Each restores the settings at its end, so that a setting changed by a plugin lasts only for the call and affects no
other result. Nothing here imports torch: packages imported meanwhile are restored to their settings at import.
"""

from __future__ import annotations

import importlib.util
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from simbench.system import ambient, interrupts
from simbench.system.raised import ended

#: Settings of torch that affect results, and their values in every case. The user chooses the number of threads.
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

    def restore(self, but: str = "", now: Surroundings | None = None) -> list[str]:
        """Restore all settings except the one named `but`; returns the names of those that had changed.

        now: the present settings, where they have just been read."""
        changed: list[str] = []
        for part, values in self._values.items():
            read = None if now is None else now._values.get(part)
            for place, (knob, value) in enumerate(zip(ambient.knobs(part), values, strict=True)):
                # restoring one setting may change another
                present = knob.read() if read is None or changed else read[place]
                if present is value or knob.same(present, value) or knob.name == but:
                    continue
                knob.write(value)
                changed.append(knob.name)
        return changed

    def add(self, part: str) -> None:
        """Add the settings of a package that has just been imported."""
        self._values.setdefault(part, [knob.read() for knob in ambient.knobs(part)])


@contextmanager
def abroad() -> Iterator[list[str]]:
    """For calls of a plugin: restores all settings at the end, and then lists the names of those that had changed.

    What the plugin raises goes on, but for exceptions that end programs (SystemExit, GeneratorExit, a KeyboardInterrupt
    that is not the user's): they become `Ended`. A Ctrl-C of the user goes on whatever the plugin made of it.
    """
    here, changed = Surroundings(), []
    stack = _stack()
    stack.append(here)
    finder = _ImportHook({"numpy", "torch"} - set(ambient.parts()), here)
    try:
        with finder:
            yield changed
        interrupts.check()
    except BaseException as raised:
        interrupts.check()
        if isinstance(raised, Exception) or (isinstance(raised, KeyboardInterrupt) and not interrupts.watching()):
            raise
        raise ended(raised) from raised
    finally:
        stack.pop()
        changed += here.restore()


@contextmanager
def at_home() -> Iterator[None]:
    """For code of the host that a plugin calls: runs with the settings that held when the host called the plugin.
    Outside calls of plugins it changes nothing."""
    stack = _stack()
    if not stack or stack[-1] is None:
        yield
        return
    there = Surroundings()
    stack[-1].restore(now=there)
    stack.append(None)
    try:
        yield
    finally:
        stack.pop()
        there.restore()


def settle() -> None:
    """Undo setting changes by properties of plugins, such as claims, that were read since the host was called. Called
    before the host computes values that several cases share."""
    stack = _stack()
    if stack and stack[-1] is None:
        next(here for here in reversed(stack) if here is not None).restore(but="torch's grad mode")


@contextmanager
def known(seed: int) -> Iterator[None]:
    """For a case: the settings `KNOWN`, default dtype float32, and global generators seeded, whatever ran before.

    Numbers drawn from a global generator inside depend on the seed alone.
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
    """A seed from a sha256 given as hexadecimal digits."""
    return int(key[:15], 16)


def of_plugin(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: run a function that only calls code of plugins in `abroad`."""

    @wraps(function)
    def called(*args, **kwargs):
        with abroad():
            return function(*args, **kwargs)

    return called


def _stack() -> list[Surroundings | None]:
    """For this thread: the settings of the host at each pending call of a plugin; None for a call back to the host."""
    if not hasattr(_calls, "stack"):
        _calls.stack = []
    return _calls.stack


class _ImportHook:
    """An import hook that adds a package to surroundings as soon as it is loaded, before other code can change its
    settings. It delegates the import itself to the other finders."""

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
