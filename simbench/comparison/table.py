"""The values of one index on all pairs of a tile, from the rows of its layers: each layer is prepared once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from simbench.comparison.passes import Layer, Tile
from simbench.contracts import Index
from simbench.errors import Inapplicable, Spoilt, Undefined
from simbench.isolation.loans import lend
from simbench.isolation.states import prepared
from simbench.measuring.curve import place
from simbench.measuring.evaluate import widened
from simbench.measuring.held import Held
from simbench.measuring.states import States
from simbench.measuring.value import Side, Value, value

#: Rows (n, p) of a layer.
Rows = Callable[[Layer], Tensor]
Answer = tuple[Any, str, None]


def values(
    index: Index, tile: Tile, sides: Mapping[Layer, Side], rows: Rows, room: int, note: str = ""
) -> Iterator[tuple[Index, Layer, Layer, Value]]:
    """The value of an index that needs samples on every pair of a tile.

    sides: of the layers, whatever their names are. room: bytes for states of layers; those that do not fit are prepared
    again. note: of values that have none.
    """
    table = _Table(index, rows, room)
    pairs = [(i, j) for i in range(len(tile.a)) for j in range(len(tile.b))]
    if index.prepares and index.inner:
        answers = table.products(tile, {key for key, side in sides.items() if side.problem() is None})
    else:
        pairs.sort(key=lambda pair: place(*pair))
        answers = {}
    for i, j in pairs:
        a, b = tile.a[i], tile.b[j]
        named = [replace(sides[key], name=f"{key[1]!r} of {name}") for key, name in ((a, "a"), (b, "b"))]
        answer = partial(table.answer, (a, named[0].name), (b, named[1].name), answers)
        found = value(index, named, answer)
        yield index, a, b, replace(found, note=note) if found.status == "ok" else found


@dataclass(frozen=True)
class _Refusal:
    """Why a layer has no vector."""

    reason: Undefined | Inapplicable | Spoilt


class _Table:
    """Answers of one index."""

    def __init__(self, index: Index, rows: Rows, room: int) -> None:
        self._index, self._rows, self._room = index, rows, room
        self._states = States(Held(room))
        self._refused: dict[Layer, _Refusal] = {}
        claims = index.claims
        self._invariances = claims.invariances_a, claims.invariances_b

    def answer(self, a: tuple[Layer, str], b: tuple[Layer, str], answers: Mapping[tuple[Layer, Layer], Any]) -> Answer:
        """What the index returns for two layers, each with what notes call it."""
        index, (i, j) = self._index, (a[0], b[0])
        for key, name in (a, b):
            if key in self._refused:
                reason = self._refused[key].reason
                raise reason if isinstance(reason, Spoilt) else type(reason)(f"{name} {reason}")
        if (i, j) in answers:
            return answers[i, j], "", None
        given = [partial(self._given, key, k) for k, key in enumerate((i, j))]
        if not index.prepares:
            return lend(index, index.from_samples, given[0](), given[1]()), "", None
        # A side that the index does not see the scale of may be scaled: as one of a and as one of b it may differ.
        own = [sorted(side & {"scaling", "linear"}) for side in self._invariances]
        sides = tuple(
            (name, (*key, *invariances), rows)
            for (key, name), invariances, rows in zip((a, b), own, given, strict=True)
        )
        return self._states.compare(index, sides), "", None

    def _given(self, key: Layer, k: int) -> Tensor:
        return widened(self._index, self._rows(key), self._invariances[k])

    def products(self, tile: Tile, defined: set[Layer]) -> dict[tuple[Layer, Layer], Tensor]:
        """Inner products of the vectors of all pairs of layers that are defined: one matrix product, if their vectors
        fit in memory, else one for each two parts."""
        answers: dict[tuple[Layer, Layer], Tensor] = {}
        left, right = ([key for key in side if key in defined] for side in (tile.a, tile.b))
        same = left == right and self._invariances[0] == self._invariances[1]
        if not left or not right:
            return answers
        first = self._vector(left[0], 0)
        size = max(first.nbytes, 1) if first is not None else 1
        most = max(1, self._room // size // (1 if same and len(left) * size <= self._room else 2))
        for above in _parts(left, most):
            names_a, f = self._stacked(above, 0, {left[0]: first})
            for beside in _parts(right, most):
                again = same and beside == above
                names_b, g = (names_a, f) if again else self._stacked(beside, 1, {})
                product = f @ g.mT if names_a and names_b else None
                answers.update(((i, j), product[k, n]) for k, i in enumerate(names_a) for n, j in enumerate(names_b))
        return answers

    def _stacked(self, keys: Sequence[Layer], k: int, ready: Mapping[Layer, Tensor | None]) -> tuple[list[Layer], Any]:
        """The layers that have a vector, and their vectors (m, d)."""
        names, stack = [], None
        for key in keys:
            vector = ready[key] if key in ready else self._vector(key, k)
            if vector is None:
                continue
            if stack is None:
                stack = vector.new_empty((len(keys), len(vector)))
            stack[len(names)] = vector
            names.append(key)
        return names, None if stack is None else stack[: len(names)]

    def _vector(self, key: Layer, k: int) -> Tensor | None:
        """The vector of a layer; None where it has none, and why that is so is remembered."""
        if key in self._refused:
            return None
        try:
            return torch.as_tensor(prepared(self._index, self._given(key, k), own=True).state)
        except (Undefined, Inapplicable, Spoilt) as reason:
            kind = next(kind for kind in (Undefined, Inapplicable, Spoilt) if isinstance(reason, kind))
            self._refused[key] = _Refusal(kind(str(reason)))
            return None


def _parts(keys: Sequence[Layer], most: int) -> Iterator[list[Layer]]:
    return (list(keys[i : i + most]) for i in range(0, len(keys), most))
