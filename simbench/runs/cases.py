"""The cases of a plan, in some tens of bytes each: a case is made when it is asked for."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields
from typing import Any, overload

import numpy as np

from simbench.contracts.case import Case

FIELDS = tuple(field.name for field in fields(Case))
#: Cases that are made together.
BLOCK = 4096


class Cases(Sequence[Case]):
    """A sequence of cases, which holds for each field the different values, and for each case their numbers. Cases are
    made anew each time: equal, but not the same objects; what they hold (networks, methods, settings) is the same.

    values: of each field. numbers: of each field, (cases,). digests: (cases, 32) bytes of their keys. places: of the
    cases of this sequence among these; None for all.
    """

    def __init__(
        self,
        values: Sequence[Sequence[Any]],
        numbers: Sequence[np.ndarray],
        digests: np.ndarray,
        places: np.ndarray | None = None,
    ) -> None:
        self._values, self._numbers, self._digests, self._places = values, numbers, digests, places

    @classmethod
    def of(cls, cases: Iterable[Case]) -> Cases:
        """Of cases, which are read once; a sequence of this class stays as it is."""
        if isinstance(cases, Cases):
            return cases
        known: list[dict[Any, int]] = [{} for _ in FIELDS]
        values: list[list[Any]] = [[] for _ in FIELDS]
        numbers = [array("i") for _ in FIELDS]
        digests = bytearray()
        for case in cases:
            digests += bytes.fromhex(case.key)
            for name, have, some, column in zip(FIELDS, known, values, numbers, strict=True):
                value = getattr(case, name)
                what = value if isinstance(value, str) else id(value)
                number = have.get(what)
                if number is None:
                    number = have[what] = len(some)
                    some.append(value)  # an id is that of one object as long as this lives
                column.append(number)
        narrow = [
            np.frombuffer(column, np.int32).astype(np.min_scalar_type(max(0, len(some) - 1)))
            if column
            else np.zeros(0, np.uint8)
            for column, some in zip(numbers, values, strict=True)
        ]
        return cls(values, narrow, np.frombuffer(bytes(digests), np.uint8).reshape(-1, 32))

    def each(self, field: str, function: Callable[[Any], Any] = lambda value: value) -> np.ndarray:
        """(cases,) what a function makes of a field of each case; it is called once for each different value."""
        at = FIELDS.index(field)
        found = np.array([function(value) for value in self._values[at]])
        return found[self._rows(self._numbers[at])] if len(self) else found[:0]

    def take(self, places: Any) -> Cases:
        """The cases at some places, in their order."""
        places = np.asarray(places, np.int64)
        some = places if self._places is None else self._places[places]
        return Cases(self._values, self._numbers, self._digests, some.astype(np.min_scalar_type(len(self._digests))))

    def alone(self) -> Cases:
        """The same cases, in arrays of their own."""
        return Cases(self._values, [self._rows(column) for column in self._numbers], self._rows(self._digests))

    @property
    def digests(self) -> np.ndarray:
        """(cases, 32) bytes of their keys."""
        return self._rows(self._digests)

    @property
    def nbytes(self) -> int:
        """Bytes of the numbers and keys, of all cases of which these are some."""
        return self._digests.nbytes + sum(column.nbytes for column in self._numbers)

    def hashes(self) -> Iterator[str]:
        """Their keys, as text."""
        for start in range(0, len(self), BLOCK):
            for one in self._rows(self._digests, slice(start, start + BLOCK)):
                yield one.tobytes().hex()

    def __len__(self) -> int:
        return len(self._digests) if self._places is None else len(self._places)

    def __iter__(self) -> Iterator[Case]:
        for start in range(0, len(self), BLOCK):
            block = slice(start, start + BLOCK)
            columns = [self._rows(column, block).tolist() for column in self._numbers]
            for digest, *numbers in zip(self._rows(self._digests, block), *columns, strict=True):
                yield self._case(digest, numbers)

    @overload
    def __getitem__(self, place: int) -> Case: ...

    @overload
    def __getitem__(self, place: slice) -> Cases: ...

    def __getitem__(self, place: int | slice) -> Case | Cases:
        if isinstance(place, slice):
            return self.take(np.arange(len(self))[place])
        row = range(len(self))[place] if self._places is None else int(self._places[place])
        return self._case(self._digests[row], [int(column[row]) for column in self._numbers])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (Cases, tuple, list)):
            return NotImplemented
        return len(self) == len(other) and all(x == y for x, y in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Callable[..., Cases], tuple]:
        """Of these cases alone: the values that they have, and their numbers and keys as bytes."""
        values, columns = [], []
        for some, column in zip(self._values, self._numbers, strict=True):
            used, number = np.unique(self._rows(column), return_inverse=True)
            values.append([some[place] for place in used])
            columns.append(number.astype(np.min_scalar_type(max(0, len(used) - 1))))
        return _opened, (values, [(column.dtype.str, column.tobytes()) for column in columns], self.digests.tobytes())

    def distinct(self, field: str) -> list[Any]:
        """The different values of a field."""
        at = FIELDS.index(field)
        return [self._values[at][place] for place in np.unique(self._rows(self._numbers[at]))]

    def _rows(self, column: np.ndarray, some: slice = slice(None)) -> np.ndarray:
        return column[some] if self._places is None else column[self._places[some]]

    def _case(self, digest: np.ndarray, numbers: Sequence[int]) -> Case:
        case = Case(*(values[number] for values, number in zip(self._values, numbers, strict=True)))
        vars(case)["key"] = digest.tobytes().hex()  # as the cached property keeps it
        return case


def _opened(values: list[list[Any]], columns: list[tuple[str, bytes]], digests: bytes) -> Cases:
    """Pickled cases."""
    numbers = [np.frombuffer(content, kind) for kind, content in columns]
    return Cases(values, numbers, np.frombuffer(digests, np.uint8).reshape(-1, 32))


def ordered(cases: Cases) -> Cases:
    """Cases in order of depth, each once: of those that are equal and have networks of the same names, the first. Those
    that share forward passes are neighbours."""
    if not len(cases):
        return cases
    sides = [_classes(cases, side, lambda network: (network.content, network.name)) for side in "ab"]
    names = [_classes(cases, side, lambda network: network.name) for side in "ab"]
    whole = np.concatenate([cases.digests, np.stack(names, 1).astype(np.int32).view(np.uint8).reshape(-1, 8)], 1)
    first = np.unique(np.ascontiguousarray(whole).view("S40").reshape(-1), return_index=True)[1]
    first.sort()
    parts = [*sides, _classes(cases, "setting", lambda setting: setting.fingerprint)]
    parts += [_classes(cases, layer, str) for layer in ("layer_a", "layer_b")]
    parts = [part[first] for part in parts]
    at, group = np.unique(
        np.ravel_multi_index(parts, [int(part.max()) + 1 for part in parts]), return_index=True, return_inverse=True
    )[1:]
    some = cases.take(first)
    models, layers = _classes(some, "a", lambda network: id(network.model)), parts[3]
    one, where = np.unique(models * (int(layers.max()) + 1) + layers, return_index=True, return_inverse=True)[1:]
    depth = np.array([_depth(some[int(place)]) for place in one])[where.reshape(-1)]
    groups = group.reshape(-1)
    return some.take(np.lexsort((at[groups], depth[at][groups]))).alone()


def _classes(cases: Cases, field: str, of: Callable[[Any], Any]) -> np.ndarray:
    """(cases,) number of what a function makes of a field."""
    numbers: dict[Any, int] = {}
    return cases.each(field, lambda value: numbers.setdefault(of(value), len(numbers)))


def _depth(case: Case) -> int:
    """Position of the case's layer in its network: deeper activations are computed from shallower ones."""
    layers = case.a.model.layers
    return layers.index(case.layer_a) if case.layer_a in layers else -1
