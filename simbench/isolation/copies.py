"""Copies of cases and selections, for the experiments that plan and measure them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from simbench.contracts import Dataset, Plugin, Split
from simbench.contracts.case import Case
from simbench.contracts.selection import Network, Selection, Setting

Whole = TypeVar("Whole", Case, Selection)
#: What of a case may be a copy: not its experiment, which is handed the case.
PARTS = ("setting", "method", "a", "b", "control")


def _split(data: Dataset, name: str) -> Split:
    """A split of a data set, of which others may hold the arrays, in arrays of its own."""
    part = data.split(name)
    return Split(part.inputs.copy(), part.labels.copy())


def handed(whole: Whole) -> tuple[Whole, Callable[[Any], Any]]:
    """A copy of a case or a selection, with copies of the networks, settings and plugins in it, and of the arrays of
    data sets where they are asked for; and the way back: what of these is a copy, or a case made of copies -> what it
    is a copy of."""
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
            return replace(x, **{name: back(getattr(x, name)) for name in PARTS})
        return originals.get(id(x), x)

    made = copy.copy(whole)
    names = PARTS if isinstance(whole, Case) else tuple(vars(whole))
    vars(made).update({name: twin(getattr(whole, name)) for name in names})
    originals[id(made)] = whole
    return made, back
