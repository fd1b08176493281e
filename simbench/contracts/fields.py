"""Fields of plugins: declarations of the values that a parameter may have, and their checks."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import Field, dataclass, field, fields, is_dataclass
from typing import Any

from simbench.errors import InputError

#: Kind of plugin -> the singular noun.
NOUNS = {
    "indices": "index",
    "stitchers": "stitcher",
    "models": "model",
    "datasets": "data set",
    "experiments": "experiment",
    "panels": "panel",
    "sources": "source",
    "executors": "executor",
}


@dataclass(frozen=True)
class Bounds:
    """The numbers that a parameter may hold: least <= x <= most, x > above. whole: int only."""

    whole: bool
    least: float | None = None
    most: float | None = None
    above: float | None = None

    def admit(self, value: object) -> bool:
        """Whether a value is a finite number within the bounds."""
        if isinstance(value, bool) or not isinstance(value, int if self.whole else (int, float)):
            return False
        return (
            math.isfinite(value)
            and (self.least is None or value >= self.least)
            and (self.most is None or value <= self.most)
            and (self.above is None or value > self.above)
        )

    def __str__(self) -> str:
        words = [f" above {self.above:g}" if self.above is not None else ""]
        words += [f" from {self.least:g}" if self.least is not None else ""]
        words += [f" {'to' if self.least is not None else 'up to'} {self.most:g}" if self.most is not None else ""]
        return ("whole number" if self.whole else "number") + "".join(words)


def number(
    default: float | None, *, least: float | None = None, most: float | None = None, above: float | None = None
) -> Any:
    """A dataclass field that holds a number within bounds: `epochs: int = number(3, least=1)`.

    A whole default asks for whole numbers; None as default allows None, and then a whole bound does. NaN and infinity
    are outside all bounds. A value out of bounds, typed or passed in Python, raises InputError in one line.

    >>> from dataclasses import dataclass
    >>> import simbench
    >>> @dataclass(frozen=True)
    ... class Near(simbench.Index):
    ...     neighbours: int = number(5, least=1)
    ...     name, source = "near", "an example"
    >>> Near(neighbours=3).spec
    'near[neighbours=3]'
    >>> Near(neighbours=0)
    Traceback (most recent call last):
    simbench.errors.InputError: neighbours is 0; a whole number from 1 is allowed
    """
    kinds = [default] if default is not None else [x for x in (least, most, above) if x is not None]
    whole = all(isinstance(x, int) for x in kinds)
    return field(default=default, metadata={"bounds": Bounds(whole, least, most, above)})


def numbers(
    default: tuple[float, ...], *, least: float | None = None, most: float | None = None, above: float | None = None
) -> Any:
    """A dataclass field that holds a tuple of one or more different numbers, each within the bounds:
    `ranks: tuple[int, ...] = numbers((4, 8, 16), least=1)`, typed `ranks=4+8+16`."""
    whole = all(isinstance(x, int) for x in default)
    return field(default=default, metadata={"bounds": Bounds(whole, least, most, above)})


def nested(default: Callable[[], object] | None, kind: str) -> Any:
    """A dataclass field that holds another plugin.

    default: returns the configured plugin that the field holds by default, as in
    `stitcher: Stitcher = nested(lambda: TaskLoss(epochs=4), kind="stitchers")`; None for a field that is empty by
    default. kind: of the plugin, in the plural. Users type it between brackets: `index=cka[estimator=debiased]`.
    """
    return (
        field(default=None, metadata={"kind": kind})
        if default is None
        else field(default_factory=default, metadata={"kind": kind})
    )


def default_of(f: Field[Any]) -> Any:
    """The default value of a field, from its factory where it has one."""
    factory: Any = f.default_factory  # a class that was sent by content has a copy of MISSING here
    return factory() if callable(factory) else f.default


def check(plugin: object) -> None:
    """Raise InputError, in one line, for a parameter whose value its field does not allow."""
    declared: tuple[Field[Any], ...] = fields(plugin) if is_dataclass(plugin) else ()
    for f in declared:
        value = getattr(plugin, f.name)
        if value is None and f.default is None:
            continue
        if "kind" in f.metadata:
            _check_nested(f.name, value, f.metadata["kind"])
        elif isinstance(f.default, tuple) and "bounds" in f.metadata:
            _check_numbers(f.name, value, f.metadata["bounds"], f.default)
        elif "bounds" in f.metadata and not f.metadata["bounds"].admit(value):
            raise InputError(f"{f.name} is {text(value)}; a {f.metadata['bounds']} is allowed")


def _check_nested(name: str, value: object, kind: str) -> None:
    if getattr(value, "kind", None) != kind or isinstance(value, type):
        raise InputError(
            f"{name} is {value!r}; a configured {NOUNS[kind]} is wanted, such as "
            f"simbench.load().get({kind!r}, ...) returns"
        )


def _check_numbers(name: str, value: object, bounds: Bounds, example: tuple[float, ...]) -> None:
    if not isinstance(value, tuple) or not value or not all(map(bounds.admit, value)) or len(set(value)) < len(value):
        noun = str(bounds).replace("number", "numbers", 1)
        raise InputError(
            f"{name} is {text(value) if isinstance(value, tuple) else repr(value)}; different {noun} are allowed, such "
            f"as {text(example)}"
        )


def text(value: object) -> str:
    """A parameter's value as users type it: `none`, `true`, `0.9`, `4+8+16`."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "+".join(text(part).replace("e+", "e") for part in value)
    return str(value)


def texts(params: Iterable[tuple[str, object]]) -> str:
    """Parameters as users type them.

    >>> texts({"estimator": "biased", "rows": None, "ranks": (4, 8)}.items())
    'estimator=biased,rows=none,ranks=4+8'
    """
    return ",".join(f"{key}={text(value)}" for key, value in params)
