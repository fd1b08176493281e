"""Imports: large packages at less cost, where a command uses a small part of them."""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any


@contextmanager
def deferred(name: str, *functions: str) -> Iterator[None]:
    """In this context, packages that import these functions of a module get functions that import it when called.

    Anything else that is read of the module imports it at once; so does everything after the context. Nothing changes
    where it is imported already.
    """
    if name in sys.modules:
        yield
        return
    stand_in = _Deferred(name, functions)
    sys.modules[name] = stand_in
    try:
        yield
    finally:
        if sys.modules.get(name) is stand_in:
            del sys.modules[name]


class _Deferred(ModuleType):
    """Stands for a module until more of it is needed than the names of functions."""

    def __init__(self, name: str, functions: tuple[str, ...]) -> None:
        super().__init__(name)
        for function in functions:
            setattr(self, function, self._calling(function))

    def _calling(self, function: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            return getattr(self._module(), function)(*args, **kwargs)

        return call

    def _module(self) -> ModuleType:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return importlib.import_module(self.__name__)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what the import system asks of every module
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        return getattr(self._module(), name)


@contextmanager
def uncollected() -> Iterator[None]:
    """Imports in this context run without the search for cycles of garbage, a fifth of the time of `import torch`."""
    collected = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collected:
            gc.enable()
