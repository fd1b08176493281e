"""A knob: one setting that all code of a process shares."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class Knob(NamedTuple):
    """A setting: its name, how to read and write it, and whether two of its values are the same."""

    name: str
    read: Callable[[], Any]
    write: Callable[[Any], object]
    same: Callable[[Any, Any], bool] = lambda x, y: x is y or x == y
