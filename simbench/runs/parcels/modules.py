"""Modules: which installed package provides them, and code of the user's own, which travels by value."""

from __future__ import annotations

import sys
import threading
import types
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, lru_cache

import cloudpickle

from simbench.system.distributions import distributions

_registering = threading.RLock()  # a pickle may hold pickles


@contextmanager
def by_value() -> Iterator[None]:
    """Inside, classes and functions of modules that no installed package provides are pickled with their code."""
    with _registering:
        before = cloudpickle.list_registry_pickle_by_value()
        own = [sys.modules[name] for name in _own(len(sys.modules)) if name in sys.modules and name not in before]
        for module in own:
            cloudpickle.register_pickle_by_value(module)
        try:
            yield
        finally:
            for module in own:
                cloudpickle.unregister_pickle_by_value(module)


@lru_cache(maxsize=2)
def _own(_: int) -> tuple[str, ...]:
    """Names of the modules of the user, looked for again when the number of modules has changed."""
    return tuple(
        name
        for name, module in list(sys.modules.items())
        if isinstance(module, types.ModuleType)
        and module.__name__ == name != "__main__"
        and getattr(module, "__file__", None)
        and distribution(name) is None
    )


def distribution(module: str) -> str | None:
    """The installed package that provides a module; "" for Python itself, None for a file of the user."""
    return _provider(module.partition(".")[0])


@cache
def _provider(top: str) -> str | None:
    if top in sys.stdlib_module_names or top in sys.builtin_module_names:
        return ""
    found = distributions().get(top)
    if found:
        return found[0]
    file = str(getattr(sys.modules.get(top), "__file__", None) or "")
    return "" if "site-packages" in file or "dist-packages" in file else None
