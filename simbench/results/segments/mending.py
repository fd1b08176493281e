"""Mending: what is sound in a damaged segment goes back into files of its own, and the segment is removed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from simbench.results import archives
from simbench.results.record import Record
from simbench.results.segments import columnar, form, locks
from simbench.results.segments.segment import PACK, PACKED, Damaged, opened
from simbench.results.store import Store


def mend(store: Store, path: Path) -> int:
    """Remove a segment; returns how many of its records were kept. Those that another file holds stay as they are."""
    with locks.packing(store.folder / "records") as mine:
        if not mine or not path.is_file():
            return 0
        others, kept = store.segments()[0].without(path), 0
        for record, data in _sound(path):
            if record.key not in others and store.sound(store.file(record.key)) is None:
                store.put(record, archives.unpacked(data) if data else None)
                kept += 1
        path.unlink()
    return kept


def _sound(path: Path) -> Iterator[tuple[Record, bytes]]:
    """Every record that is what was written, with the content of its file of arrays."""
    import pyarrow as pa

    file = opened(path)
    try:
        parquet = form.parquet(file)
        if form.unlike(parquet):
            return
        metadata = parquet.metadata.metadata or {}
        pack = path.with_name(metadata.get(PACKED, b"").decode("ascii", "replace") + PACK)
        for group in range(parquet.num_row_groups):
            with suppress(pa.ArrowException, OSError, ValueError):
                for row in parquet.read_row_group(group).to_pylist():
                    yield from _one(row, pack)
    except (ValueError, pa.ArrowException):
        return
    finally:
        os.close(file)


def _one(row: dict, pack: Path) -> Iterator[tuple[Record, bytes]]:
    record = columnar.sound(row)
    if record is None:
        return
    data = b""
    if record.arrays:
        with suppress(OSError, Damaged):
            file = opened(pack)
            try:
                data = os.pread(file, row["size"] or 0, row["at"] or 0)
            finally:
                os.close(file)
        if hashlib.sha256(data).hexdigest() != record.arrays or not archives.readable(data):
            return
    yield record, data
