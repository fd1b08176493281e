"""Copies of cases and selections, which experiments receive when they plan and measure."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import fields
from functools import partial
from typing import Any, TypeVar

from simbench.contracts import Dataset, Plugin, Split
from simbench.contracts.case import Case
from simbench.contracts.selection import Network, Selection, Setting

Whole = TypeVar("Whole", Case, Selection)
#: Fields of a case that are copied. The experiment is not: it receives the copy.
PARTS = ("setting", "method", "a", "b", "control")
FIELDS = tuple(field.name for field in fields(Case))


def _split(data: Dataset, name: str) -> Split:
    """A split of a data set with copies of its arrays, which other code may hold."""
    part = data.split(name)
    return Split(part.inputs.copy(), part.labels.copy())


def handed(whole: Whole) -> tuple[Whole, Callable[[Any], Any]]:
    """(copy, back) of a case or a selection.

    The copy contains copies of its networks, settings and plugins; arrays of data sets are copied when a split is read.
    back(x) returns the original of a copy, and for a new case made of copies, a case made of the originals. Other
    objects are returned as they are."""
    copies: dict[int, Any] = {}
    originals: dict[int, Any] = {}

    def twin(x: Any) -> Any:
        if isinstance(x, tuple):
            return tuple(map(twin, x))
        if isinstance(x, dict):
            return {key: twin(value) for key, value in x.items()}
        if id(x) not in copies and isinstance(x, (Network, Setting, Plugin)):
            made = copies[id(x)] = copy.copy(x)
            originals[id(made)] = x
            if isinstance(x, Dataset):
                vars(made)["split"] = partial(_split, x)
            elif not isinstance(x, Plugin):
                vars(made).update({name: twin(value) for name, value in vars(x).items()})
        return copies.get(id(x), x)

    def back(x: Any) -> Any:
        if isinstance(x, Case) and id(x) not in originals:
            return Case(*(originals.get(id(value), value) for value in map(vars(x).__getitem__, FIELDS)))
        return originals.get(id(x), x)

    made = copy.copy(whole)
    names = PARTS if isinstance(whole, Case) else tuple(vars(whole))
    vars(made).update({name: twin(getattr(whole, name)) for name in names})
    originals[id(made)] = whole
    return made, back
