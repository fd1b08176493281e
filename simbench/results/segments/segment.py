"""A segment: many finished records in one Parquet file, named by its content, with their arrays in a pack beside it."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import weakref
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from simbench.errors import InputError
from simbench.results import archives
from simbench.results.record import Record
from simbench.results.segments import columnar, form
from simbench.system.provenance import digest

if TYPE_CHECKING:
    import pyarrow as pa

#: In the folder of records.
FOLDER = "segments"
SUFFIX, PACK = ".parquet", ".arrays"
#: Where the metadata of a segment name its pack, and give the size of it in bytes.
PACKED, BYTES = b"simbench.pack", b"simbench.pack.bytes"
CORRUPT = "corrupt"
#: What a simbench without segments takes for a record of a later one: it says so, rather than miss those in segments.
MARKED = {"schema": 4, "note": "records of this folder are in records/segments, which an older simbench cannot read"}
MARK = digest(MARKED)
#: NUMBER-SHA256.parquet: of two records of one case, that with the higher number is the later one.
_NAME = re.compile(r"\d{8}-([0-9a-f]{64})\.parquet")


class Damaged(Exception):
    """A segment that cannot be used; the end of "it is ..."."""


class Segment:
    """An open segment, whose file was verified against the hash in its name.

    keys: of its records, as 32 bytes each, in order. faults: key -> why a record cannot be used. It can be read on when
    its files are removed.
    """

    def __init__(self, path: Path) -> None:
        """Raises Damaged, and FileNotFoundError for a file that is gone."""
        self.path = path
        self._file = opened(path)
        weakref.finalize(self, os.close, self._file)
        named = _NAME.fullmatch(path.name)
        if not named or form.hashed(self._file) != named[1]:
            raise Damaged(CORRUPT)
        try:
            said = form.unlike(form.parquet(self._file)) or form.fault(form.parquet(self._file, coded=True))
        except ValueError:
            raise Damaged(CORRUPT) from None
        if said:
            raise Damaged(said)
        self._parquet = form.parquet(self._file, coded=True)
        self.keys = form.keys_of(self._parquet.read(["key"])["key"])
        self.pack = (self._parquet.metadata.metadata or {}).get(PACKED, b"").decode("ascii", "replace")
        self._pack = self._opened_pack()
        self.faults = dict(self._faults())

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def pack_path(self) -> Path | None:
        return self.path.with_name(self.pack + PACK) if self.pack else None

    @cached_property
    def usable(self) -> np.ndarray:
        """Of each record, whether it has no fault."""
        bad = np.array([bytes.fromhex(key) for key in self.faults], "S32")
        return ~np.isin(self.keys, bad) if len(bad) else np.ones(len(self), bool)

    def damaged(self) -> Iterator[str]:
        """Keys of usable records that are not what was written, or whose arrays are not."""
        for group in range(self._parquet.num_row_groups):
            for at, row in enumerate(self._parquet.read_row_group(group).to_pylist()):
                place = group * columnar.BATCH + at
                if self.usable[place] and not (columnar.sound(row) and self._complete(row, place)):
                    yield columnar.digits(self.keys[place])

    def _complete(self, row: dict[str, Any], place: int) -> bool:
        return not row["arrays"] or archives.readable(self.array(place, row["arrays"]))

    def columns(self, names: Sequence[str]) -> pa.Table:
        """These columns of all records."""
        return self._parquet.read(list(names))

    def record(self, place: int) -> Record:
        """The record of a place. InputError where it is not what was written."""
        return self._checked(self._row(place))

    def _row(self, place: int) -> dict[str, Any]:
        group, within = divmod(place, columnar.BATCH)
        return self._group(group).slice(within, 1).to_pylist()[0]

    def records(self, places: np.ndarray | None = None) -> Iterator[Record]:
        """The records of these places, in order; of all without. InputError as for `record`."""
        wanted = np.ones(len(self), bool) if places is None else np.isin(np.arange(len(self)), places)
        for group in range(self._parquet.num_row_groups):
            mine = wanted[group * columnar.BATCH : (group + 1) * columnar.BATCH]
            if mine.any():
                table = self._parquet.read_row_group(group)
                yield from map(self._checked, table.take(np.flatnonzero(mine)).to_pylist())

    def array(self, place: int, checksum: str) -> bytes:
        """The file of arrays of a record, b"" where it is damaged."""
        at, size = (int(column[place]) for column in self._places)
        data = os.pread(self._pack, size, at) if self._pack is not None and at >= 0 and size > 0 else b""
        return data if hashlib.sha256(data).hexdigest() == checksum else b""

    @cached_property
    def _places(self) -> tuple[np.ndarray, np.ndarray]:
        table = self.columns(("at", "size"))
        return tuple(table[name].fill_null(-1).to_numpy() for name in ("at", "size"))

    def _group(self, number: int) -> pa.Table:
        held: tuple[int, Any] = self.__dict__.get("_held", (-1, None))
        if held[0] != number:
            held = self.__dict__["_held"] = (number, self._parquet.read_row_group(number))
        return held[1]

    def _checked(self, row: dict[str, Any]) -> Record:
        record = columnar.sound(row)
        if record is None:
            where = self.path / columnar.digits(row["key"])
            raise InputError(f"{where} is {CORRUPT}; `simbench doctor --heal` removes it")
        return record

    def _opened_pack(self) -> int | None:
        """The pack, None where it is missing or of another size."""
        if not self.pack:
            return None
        try:
            file = opened(self.pack_path)
        except FileNotFoundError:
            if not self.path.exists():  # both were packed anew meanwhile
                raise
            return None
        except Damaged:
            return None
        weakref.finalize(self, os.close, file)
        expected = self._parquet.metadata.metadata.get(BYTES, b"").decode("ascii", "replace")
        return file if str(os.fstat(file).st_size) == expected else None

    def _faults(self) -> Iterator[tuple[str, str]]:
        """Key and reason of each record that is later, invalid or without its arrays."""
        table = self.columns(("arrays", *form.LOOKED_AT))
        bad = form.suspects(table)
        if self._pack is None:
            bad |= np.array(table["arrays"].to_pylist(), object) != ""
        for place in np.flatnonzero(bad):
            yield columnar.digits(self.keys[place]), self._reason(int(place))

    def _reason(self, place: int) -> str:
        return columnar.reason(self._row(place)) or CORRUPT


def opened(path: Path) -> int:
    """A regular file, open for reading; never waits for a FIFO. Raises Damaged for anything else."""
    try:
        file = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        if os.path.lexists(path):
            raise Damaged(CORRUPT) from None
        raise
    except OSError:
        raise Damaged(CORRUPT) from None
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise Damaged(CORRUPT)
    return file
