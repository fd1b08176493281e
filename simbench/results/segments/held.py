"""The records of a folder: those in files of their own, and those in segments, which are made when asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from heapq import merge
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from simbench.results.record import Record
from simbench.results.segments.columnar import FEW, digits, frame
from simbench.results.segments.segment import Segment

if TYPE_CHECKING:
    import pyarrow as pa


class Records(Mapping[str, Record]):
    """Key -> record, in the order of keys. Of two records of one case, one in a file of its own comes before one in a
    segment, and a later segment before an earlier one."""

    def __init__(self, single: Mapping[str, Record], segments: Sequence[Segment] = ()) -> None:
        self.single, self.segments = single, tuple(segments)

    @cached_property
    def _index(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Key, segment and place of each record in a segment, by key."""
        sizes = [len(segment) for segment in self.segments]
        keys = np.concatenate([np.zeros(0, "S32"), *(segment.keys for segment in self.segments)])
        of = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
        at = np.concatenate([np.zeros(0, np.int32), *(np.arange(size, dtype=np.int32) for size in sizes)])
        usable = np.concatenate([np.zeros(0, bool), *(segment.usable for segment in self.segments)])
        if not usable.all():
            keys, of, at = keys[usable], of[usable], at[usable]
        if len(sizes) > 1:
            order = np.argsort(keys, kind="stable")
            keys, of, at = keys[order], of[order], at[order]
            last = np.append(keys[1:] != keys[:-1], True)[: len(keys)]
            keys, of, at = keys[last], of[last], at[last]
        return keys, of, at

    @cached_property
    def _hidden(self) -> np.ndarray:
        """Places in the index of records that have a file of their own, too."""
        there, places = self._places(list(self.single))
        return places[there]

    def _places(self, keys: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Of each key whether it is in a segment, and its place in the index."""
        known = self._index[0]
        wanted = np.array([_bytes(key) for key in keys], "S32")
        places = np.searchsorted(known, wanted)
        there = np.zeros(len(wanted), bool)
        inside = places < len(known)
        there[inside] = known[places[inside]] == wanted[inside]
        return there, places

    def place(self, key: str) -> tuple[Segment, int] | None:
        """The segment of a record and its place there, None where it is in none."""
        there, places = self._places([key])
        if not there[0]:
            return None
        _, of, at = self._index
        return self.segments[of[places[0]]], int(at[places[0]])

    def __getitem__(self, key: str) -> Record:
        if key in self.single:
            return self.single[key]
        place = self.place(key)
        if place is None:
            raise KeyError(key)
        return place[0].record(place[1])

    def __contains__(self, key: object) -> bool:
        return key in self.single or self.place(str(key)) is not None

    def __len__(self) -> int:
        return len(self.single) + len(self._index[0]) - len(self._hidden)

    def __iter__(self) -> Iterator[str]:
        packed = map(digits, np.delete(self._index[0], self._hidden).tolist())
        return merge(sorted(self.single), packed) if self.single else packed

    def items(self) -> Any:
        """As of any mapping; records of segments are read in batches."""
        return _Items(self)

    def values(self) -> Any:
        return _Values(self)

    def each(self) -> Iterator[Record]:
        """Every record, by key."""
        of_segments = [segment.records(self.live(number)) for number, segment in enumerate(self.segments)]
        single = (self.single[key] for key in sorted(self.single))
        return merge(single, *of_segments, key=lambda record: record.key) if of_segments else single

    def live(self, number: int) -> np.ndarray:
        """Places of the records of a segment that stand for their cases, in order."""
        _, of, at = self._index
        mine = of == number
        mine[self._hidden] = False
        return at[mine]

    def without(self, path: Path) -> Records:
        """Those that are not in this segment."""
        return Records(self.single, [segment for segment in self.segments if segment.path != path])

    def finished(self, keys: Sequence[str]) -> np.ndarray:
        """Of each key, whether its record is there and no row of it failed. Segments hold no failed ones."""
        done = self._places(keys)[0] if self.segments else np.zeros(len(keys), bool)
        for place, key in enumerate(keys) if self.single else ():
            if key in self.single:
                done[place] = not self.single[key].failed
        return done

    def failed(self) -> Iterator[Record]:
        """The records with a failed row."""
        return (record for record in self.single.values() if record.failed)

    def columns(self, names: Iterable[str]) -> pa.Table:
        """These columns of all records, with keys as text."""
        import pyarrow as pa

        names, parts = list(names), []
        if self.single or not self.segments:
            parts = [frame(list(self.single.values())).select(names)]
        for number, segment in enumerate(self.segments):
            live = self.live(number)
            table = segment.columns(names)
            table = table if len(live) == len(segment) else table.take(live)
            table = table.set_column(table.schema.get_field_index("key"), "key", _hexadecimal(table["key"]))
            parts.append(table)
        for name in FEW if len(parts) > 1 else ():
            parts = [_coded(part, name) for part in parts]
        return pa.concat_tables(parts).unify_dictionaries()


class _Items:
    def __init__(self, records: Records) -> None:
        self._records = records

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[Any]:
        return ((record.key, record) for record in self._records.each())


class _Values(_Items):
    def __iter__(self) -> Iterator[Any]:
        return self._records.each()


def of(records: Mapping[str, Record]) -> Records:
    """Any mapping as `Records`."""
    return records if isinstance(records, Records) else Records(records)


def _bytes(key: str) -> bytes:
    try:
        return bytes.fromhex(key)
    except ValueError:  # a name that no case has
        return b""


def _hexadecimal(column: pa.ChunkedArray) -> pa.Array:
    """Keys of 32 bytes as 64 digits each."""
    import pyarrow as pa

    from simbench.results.segments.form import keys_of

    data = keys_of(column).tobytes().ljust(32 * len(column), b"\0").hex().encode()
    digits = pa.py_buffer(data)
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(64), len(column), [None, digits]).cast(pa.string())


def _coded(table: pa.Table, name: str) -> pa.Table:
    import pyarrow as pa

    if name not in table.column_names or pa.types.is_dictionary(table[name].type):
        return table
    return table.set_column(table.schema.get_field_index(name), name, table[name].dictionary_encode())
