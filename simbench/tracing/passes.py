"""Passes: a mode of torch in which a method of ours runs every operation."""

from __future__ import annotations

import sys
from functools import cache
from typing import Any, Self

from torch.utils._python_dispatch import TorchDispatchMode


class _Operations:
    """Not a mode of torch itself: torch imports its compiler, for a second, to shield what a mode defines from it."""

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        return self.operation(func, args, kwargs or {})

    def operation(self, func: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
        """Run one operation of torch; gives its output."""
        raise TypeError(f"{type(self).__name__} defines no `operation`")


class Pass(_Operations, TorchDispatchMode):
    """A mode in which `operation` runs every operation.

    Where the compiler is imported, parts of a network may be compiled, and torch shields the mode from being compiled
    with them.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        return super().__new__(_shielded(cls) if "torch._dynamo" in sys.modules else cls)


@cache
def _shielded(cls: type) -> type:
    def dispatch(self: Any, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        return self.operation(func, args, kwargs or {})

    return type(cls.__name__, (cls,), {"__torch_dispatch__": dispatch, "__module__": cls.__module__})
