"""Loans: copies of the host's objects lent to plugins, and whether a plugin changed them.

A plugin receives placeholders for the records of the host (`Moments`, `Scatter`, `Basis`, `Affine`, `Task`). A
placeholder has the same class, and copies each field when the plugin first reads it. Properties that a record computes
once, such as the bases of a `Scatter`, are computed by the original with the settings of the host; the plugin receives
a copy. Changes to a placeholder, during the call or later, affect no other code. After the call, the copies are
compared with their originals bit for bit; the call has failed if the plugin changed one.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import FrozenInstanceError, fields, is_dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from simbench.contracts.fields import NOUNS
from simbench.errors import Spoilt
from simbench.isolation.likeness import alike, alike_modules
from simbench.system.surroundings import abroad, at_home

if TYPE_CHECKING:
    import torch

    from simbench.contracts import Plugin

#: Objects made for a single call are copied too, to detect changes, unless they are larger than this (in bytes).
SMALL = 2**26


def lend(
    plugin: Plugin,
    method: Callable[..., Any],
    *given: Any,
    dtype: torch.dtype | None = None,
    own: bool = False,
    **options: Any,
) -> Any:
    """Call a method of a plugin with copies of the arguments; settings that it changes are restored after the call.

    dtype: of the copies of positional tensors. own: the arguments were made for this call alone; if they are larger
    than `SMALL` bytes, they are passed without copying. Raises Spoilt if the method changed an argument, otherwise what
    the method raises.
    """
    loan = Loan()
    if not own or size(given) <= SMALL:
        given = [loan.copy(x, "", dtype) for x in given]
        options = {name: loan.copy(x, name) for name, x in options.items()}
    with loan.settled(plugin), abroad():
        return method(*given, **options)


class Loan:
    """The copies that a plugin holds, each with its original."""

    def __init__(self) -> None:
        self._unchanged: list[tuple[str, Callable[[], bool]]] = []

    def copy(self, x: Any, path: str = "", dtype: torch.dtype | None = None) -> Any:
        """A copy of a tensor, an array, a network, a record, or of a tuple, list or dict of these. Other objects are
        returned as they are. path: its name in the message if the plugin changes it."""
        import numpy as np
        import torch

        if isinstance(x, torch.Tensor):
            twin = x.to(dtype, copy=True) if dtype is not None else x.clone()
            self._unchanged.append((path, lambda: alike(twin, x, dtype) and (not twin.is_leaf or twin.grad is None)))
        elif isinstance(x, np.ndarray):
            twin = x.copy()
            self._unchanged.append((path, lambda: alike(twin, x)))
        elif isinstance(x, torch.nn.Module):
            twin = copy.deepcopy(x)
            self._unchanged.append((path, lambda: alike_modules(twin, x)))
        elif _is_record(x):
            twin = self._stand_in(x, path)
        elif isinstance(x, tuple):
            parts = [self.copy(part, path, dtype) for part in x]
            twin = type(x)(*parts) if hasattr(x, "_fields") else tuple(parts)
        elif isinstance(x, list):
            twin = [self.copy(part, path, dtype) for part in x]
        elif isinstance(x, dict):
            twin = {key: self.copy(part, path, dtype) for key, part in x.items()}
        else:
            twin = self._plain(x, path) if is_dataclass(x) and not isinstance(x, type) else x
        return twin

    @contextmanager
    def settled(self, plugin: Plugin) -> Iterator[None]:
        """A context in which the plugin runs. At its end, raises Spoilt with the names of changed copies, also if the
        plugin raised an exception itself; interruptions are passed on."""
        try:
            yield
        except Exception as error:
            self._settle(plugin, error)
            raise
        self._settle(plugin)

    def _settle(self, plugin: Plugin, error: Exception | None = None) -> None:
        changed = list(dict.fromkeys(path for path, unchanged in self._unchanged if not unchanged()))
        self._unchanged.clear()  # breaks reference cycles between loan and copies, so that memory is freed now
        if changed:
            places = ", ".join(path or "rows" for path in changed[:4]) + (" ..." if len(changed) > 4 else "")
            raise Spoilt(
                f"{NOUNS[plugin.kind]} {plugin.spec} changed what it was handed ({places}), so "
                "its result is not taken; work on copies (x.clone()), and not in place"
            ) from error

    def _plain(self, x: Any, path: str) -> Any:
        """A shallow copy of a dataclass: its fields are the same objects."""
        twin, told = copy.copy(x), dict(vars(x))
        names = [f.name for f in fields(x)]
        self._unchanged.append((path, lambda: all(vars(twin).get(name) is told.get(name) for name in names)))
        return twin

    def _stand_in(self, x: Any, path: str) -> Any:
        """A placeholder of x's class, which copies each field when it is first read."""
        kind = _stand_ins(type(x))
        twin, out = object.__new__(kind), {}

        def ask(name: str) -> Any:
            if name in kind.parts or name in x.__dict__:
                value = getattr(x, name)
            else:
                with at_home():
                    value = getattr(x, name)
            out[name] = self.copy(value, f"{path}.{name}".lstrip("."))
            return out[name]

        def unchanged() -> bool:
            return twin.__dict__.get("_ask") is ask and all(
                name in out and out[name] is value for name, value in twin.__dict__.items() if name in kind.lent
            )

        twin.__dict__["_ask"] = ask
        self._unchanged.append((path, unchanged))
        return twin


def _is_record(x: Any) -> bool:
    """Whether x is a dataclass that is compared by identity, as those that contain tensors are."""
    return is_dataclass(x) and not isinstance(x, type) and not type(x).__dataclass_params__.eq


class _Lent:
    """A field or cached property of a placeholder; the original provides its value, if there is one."""

    def __init__(self, name: str, compute: Callable[[Any], Any] | None) -> None:
        self.name, self.compute = name, compute

    def __get__(self, twin: Any, kind: type | None = None) -> Any:
        if twin is None:
            return self
        ask = twin.__dict__.get("_ask")
        if ask is None and self.compute is None:
            raise AttributeError(f"{type(twin).__name__} has no {self.name}")
        value = twin.__dict__[self.name] = self.compute(twin) if ask is None else ask(self.name)
        return value


@cache
def _stand_ins(kind: type) -> type:
    """The class of placeholders for records of a class: a subclass of the same name."""
    if hasattr(kind, "lent"):
        return kind
    parts = {f.name for f in fields(kind)}
    computed = {
        name: value.func
        for parent in reversed(kind.__mro__)
        for name, value in vars(parent).items()
        if isinstance(value, cached_property)
    }
    names = parts | computed.keys()
    body = {name: _Lent(name, computed.get(name)) for name in names}
    return type(
        kind.__name__,
        (kind,),
        body
        | {
            "__module__": kind.__module__,
            "__doc__": kind.__doc__,
            "parts": frozenset(parts),
            "lent": frozenset(names),
            "__setattr__": _frozen,
            "__delattr__": _frozen,
            "__reduce__": lambda twin: (kind, tuple(getattr(twin, f.name) for f in fields(kind))),
        },
    )


def _frozen(twin: Any, name: str, *value: Any) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def size(x: Any) -> int:
    """Size in bytes of the tensors in records, tuples and lists."""
    if isinstance(x, (list, tuple)):
        return sum(map(size, x))
    return sum(size(value) for value in vars(x).values()) if _is_record(x) else getattr(x, "nbytes", 0)
