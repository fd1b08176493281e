"""Frames: records as columns of codes and numbers, which tables are derived from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from simbench.columns import CASE, IDENTITY, MEASUREMENTS, recorded
from simbench.results.codes import coded, numbers, ranks, small, text
from simbench.results.published import METHOD_KEY
from simbench.results.record import Record
from simbench.results.segments import held
from simbench.results.segments.columnar import FRAME, LISTS, frame

if TYPE_CHECKING:
    import pyarrow as pa

_TEXT = {name for name, column in MEASUREMENTS.items() if column.type == "text"}


class Entry(NamedTuple):
    """What names a record: as the fields of `Record`."""

    key: str
    run: str
    arrays: str
    labels: dict[str, Any]


class Frame:
    """A row for each record, in any order: `columnar.OWN`, the labels of the case, and `rows.NAME` for each of `LISTS`.

    A text column is kept as codes of its values in order, so that it sorts and groups as whole numbers do."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table.combine_chunks()
        self._coded: dict[str, tuple[np.ndarray, list[str]]] = {}

    def __len__(self) -> int:
        return self.table.num_rows

    def take(self, places: np.ndarray) -> Frame:
        """The records of these places."""
        return Frame(self.table.take(places))

    def of_experiment(self, spec: str) -> Frame:
        """The records of an experiment, sorted by key."""
        codes, specs = self.coded("experiment")
        mine = np.flatnonzero(codes == specs.index(spec)) if spec in specs else np.zeros(0, np.int64)
        keys = self.table["key"].take(mine).to_numpy()
        return self.take(mine[np.argsort(keys, kind="stable")])

    def named(self) -> set[Any]:
        """Every value of a label."""
        return {value for name in recorded.LABELS for value in self.table[name].unique().to_pylist()}

    def coded(self, name: str) -> tuple[np.ndarray, list[str]]:
        """A text column of records as places in its values, and these in order."""
        if name not in self._coded:
            self._coded[name] = coded(self.table[name])
        return self._coded[name]

    def entries(self) -> Iterator[Entry]:
        """What names each record."""
        columns = [self.table[name].to_pylist() for name in ("key", "run", "arrays", *recorded.LABELS)]
        for key, run, arrays, *labels in zip(*columns, strict=True):
            yield Entry(key, run, arrays, dict(zip(recorded.LABELS, labels, strict=True)))

    def methods(self, named_by: Sequence[str] = METHOD_KEY) -> list[dict]:
        """The different rows of methods.csv, each of the latest record of its method. named_by: what tells methods
        apart."""
        _, texts = self.coded("described")
        named: dict[tuple, list[int]] = {}
        described = [json.loads(text) for text in texts]
        for code, row in enumerate(described):
            if row:
                named.setdefault(tuple(row[name] for name in named_by), []).append(code)
        return [described[max(same, key=self._latest) if len(same) > 1 else same[0]] for same in named.values()]

    def _latest(self, method: int) -> tuple[int, str]:
        """Run and key of the latest record of a method."""
        mine = np.flatnonzero(self.coded("described")[0] == method)
        runs = self.coded("run")[0][mine]
        return int(runs.max()), max(self.table["key"].take(mine[runs == runs.max()]).to_pylist())

    def cases(self) -> tuple[np.ndarray, int]:
        """Of each record the number of its labels, and how many different ones there are."""
        number, count = np.zeros(len(self), np.int64), 1
        for name in CASE:
            codes, size = self._ranks(name)
            if size > 1:
                number = number * size + codes
                values, number = np.unique(number, return_inverse=True)
                count = len(values)
        return number, min(count, len(self))

    def _ranks(self, name: str) -> tuple[np.ndarray, int]:
        """A label of records as whole numbers that sort as it does, missing ones last, and their count."""
        if name in _TEXT:
            codes, values = self.coded(name)
            return codes, len(values)
        return ranks(numbers(self.table[name]))

    def sorted_rows(self) -> pd.DataFrame:
        """A row for each number, with the columns of measurements.csv, sorted by what it is about."""
        import pyarrow as pa

        lists = {name: self.table[f"rows.{name}"].combine_chunks() for name in LISTS}
        counts = np.diff(lists["quantity"].offsets.to_numpy())
        of = np.repeat(np.arange(len(self), dtype=np.int32), counts)
        flat = {name: column.flatten() for name, column in lists.items()}
        own = {name: coded(flat[name]) for name in ("quantity", "status", "note")}
        step, value = numbers(flat["step"]), flat["value"].cast(pa.float64()).to_numpy(zero_copy_only=False)
        keys = {"quantity": (own["quantity"][0], len(own["quantity"][1])), "step": ranks(step)}
        for name in CASE:
            codes, size = self._ranks(name)
            keys[name] = (codes if size == 1 else codes[of], size)
        by = [small(*keys[name]) for name in reversed(IDENTITY) if keys[name][1] > 1]
        order = np.lexsort(by) if by else np.arange(len(of))
        columns = {}
        for name in MEASUREMENTS:
            if name in own:
                codes, values = own[name]
                columns[name] = text(codes[order], values)
            elif name in ("step", "value"):
                columns[name] = (step if name == "step" else value)[order]
            else:
                columns[name] = self.label(name, of[order])
        return pd.DataFrame(columns).astype({"step": "Int64"})

    def label(self, name: str, places: np.ndarray) -> pd.Series | np.ndarray:
        """A label of the records of these places, as a column of a table."""
        if name in _TEXT:
            codes, values = self.coded(name)
            return text(codes[places], values)
        return numbers(self.table[name])[places]

    def sorted_cases(self) -> pd.DataFrame:
        """A row for each record: its labels, seconds and run; sorted by the labels."""
        keys = [self._ranks(name) for name in reversed(CASE)]
        order = np.lexsort([small(codes, size) for codes, size in keys])
        columns = {name: self.label(name, order) for name in CASE}
        seconds = numbers(self.table["seconds"])[order]
        codes, runs = self.coded("run")
        rounded = [round(value, 6) for value in seconds.tolist()]
        return pd.DataFrame(columns | {"seconds": rounded, "run": text(codes[order], runs)})


def current(frame: Frame, preferred: Set[str] = frozenset()) -> tuple[Frame, int]:
    """One record for each set of labels, and the number of the others (with other data, weights or limits under the
    same names, or of an older version of a method): a preferred record if there is one, else that of the latest run."""
    number, count = frame.cases()
    if count == len(frame):
        return frame, 0
    keys = frame.table["key"].to_pylist()
    wanted = np.fromiter((key in preferred for key in keys), bool, len(keys))
    order = np.lexsort([ranks(np.array(keys))[0], frame.coded("run")[0], wanted])
    last = np.zeros(count, np.int64)
    last[number[order]] = order  # the last of equal ones stays
    return frame.take(last), len(frame) - count


def of(records: Frame | Mapping[str, Record] | Iterable[Record]) -> Frame:
    """The frame of records; of those in segments, without making a `Record` of each."""
    if isinstance(records, Frame):
        return records
    return Frame(held.of(records).columns(FRAME) if isinstance(records, Mapping) else frame(list(records)))
