"""A draft: records that are about to become a segment."""

from __future__ import annotations

import hashlib
import os
import tempfile
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from simbench.results.record import Record
from simbench.results.segments import columnar, form
from simbench.results.segments.segment import BYTES, PACK, PACKED, SUFFIX, Segment

if TYPE_CHECKING:
    import pyarrow as pa

#: Begins the names of files that are being written.
WORK = ".tmp-"


class Draft:
    """Records and arrays on the way into a segment of the folder `folder`. Of two records of one case that are added,
    the later stays."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._tables: list[pa.Table] = []
        self._pack: tuple[int, Path] | None = None
        self._sha, self.bytes = hashlib.sha256(), 0

    def __len__(self) -> int:
        return sum(table.num_rows for table in self._tables)

    def add(self, records: Sequence[Record], arrays: Sequence[bytes]) -> list[bool]:
        """Add records, each with the content of its file of arrays, b"" for none. Returns of each whether it was added:
        one that columns would not give back exactly is not."""
        table = columnar.table(records)
        kept = [_same(row, record) for row, record in zip(table.to_pylist(), records, strict=True)]
        places = [self._packed(data) if keep else None for data, keep in zip(arrays, kept, strict=True)]
        self._put(table, places, np.flatnonzero(kept))
        return kept

    def add_segment(self, segment: Segment, live: np.ndarray) -> None:
        """Add the records of these places of a segment, as they are."""
        table = segment.columns(columnar.layout().names).take(live)
        checksums = table["arrays"].to_pylist()
        places = [
            self._packed(segment.array(int(place), checksum)) if checksum else None
            for place, checksum in zip(live, checksums, strict=True)
        ]
        self._put(table, places, np.arange(len(live)))

    def add_table(self, table: pa.Table) -> None:
        """Add records without arrays, as they are in a table of `columnar.layout`."""
        self._tables.append(table.cast(columnar.layout()))

    def write(self, number: int) -> Path:
        """Write the pack and then the segment; each is whole and on the disk before it gets its name."""
        import pyarrow as pa
        from pyarrow.parquet import ParquetWriter

        metadata = {b"simbench": b"1"}
        if self._pack is not None:
            pack = self._sha.hexdigest()
            metadata |= {PACKED: pack.encode(), BYTES: str(self.bytes).encode()}
            _named(*self._pack, self.folder / f"{pack}{PACK}")
        table = pa.concat_tables(self._tables).cast(columnar.layout())
        keys = form.keys_of(table["key"])
        order = np.argsort(keys, kind="stable")
        last = np.append(keys[order][1:] != keys[order][:-1], True)
        written = pa.BufferOutputStream()
        options = {"compression": "zstd", "write_statistics": False, "store_schema": False}
        with ParquetWriter(written, table.schema, **options) as writer:
            writer.write_table(table.take(order[last]), row_group_size=columnar.BATCH)
            writer.add_key_value_metadata(metadata)
        data = written.getvalue().to_pybytes()
        path = self.folder / f"{number:08d}-{hashlib.sha256(data).hexdigest()}{SUFFIX}"
        file, work = self._created()
        _filled(file, data)
        _named(file, work, path)
        return path

    def _put(self, table: pa.Table, places: Sequence[tuple[int, int] | None], kept: np.ndarray) -> None:
        self._tables.append(columnar.placed(table, places).take(kept).cast(columnar.layout()))

    def _packed(self, data: bytes) -> tuple[int, int] | None:
        """Where data is in the pack."""
        if not data:
            return None
        if self._pack is None:
            self._pack = self._created()
        _filled(self._pack[0], data)
        self._sha.update(data)
        self.bytes += len(data)
        return self.bytes - len(data), len(data)

    def _created(self) -> tuple[int, Path]:
        """A new file under a name of work, which is closed with the draft."""
        file, name = tempfile.mkstemp(prefix=WORK, dir=self.folder)
        weakref.finalize(self, os.close, file)
        return file, Path(name)


def _same(row: dict, record: Record) -> bool:
    """Whether the row of a table gives the record back, to the last digit."""
    return columnar.record(row).checksum == record.checksum


def _filled(file: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(file, left) :]


def _named(file: int, work: Path, path: Path) -> None:
    """Give a written file its name once it is on the disk."""
    os.fsync(file)
    os.chmod(work, 0o644)
    os.replace(work, path)
    flush_folder(path.parent)


def flush_folder(folder: Path) -> None:
    """The names of files to the disk, where the system can."""
    try:
        opened = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows
        return
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
