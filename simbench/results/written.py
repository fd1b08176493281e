"""What a process put on record itself, so that it need not read it again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy import ndarray

from simbench.results.record import Record
from simbench.system.atomic import Stamp, stamp

#: Bytes of arrays that are kept.
MOST = 32 * 2**20


class Written:
    """Records and, up to a size, arrays that this process has written. They stand as long as nobody else has written
    their files."""

    def __init__(self) -> None:
        self._records: dict[str, tuple[Record, int]] = {}
        self._arrays: dict[str, Mapping[str, ndarray]] = {}
        self._room = MOST

    def add(self, record: Record, arrays: Mapping[str, ndarray], own: Stamp, beside: Stamp | None) -> None:
        """Keep a record. own, beside: of its file and of that of its arrays, as they were written."""
        self._records[record.key] = record, hash((own, beside))  # a number, as there may be millions
        size = sum(array.nbytes for array in arrays.values())
        if arrays and size <= self._room and record.arrays not in self._arrays:
            self._room -= size
            copies = ((name, np.array(array, order="C", ndmin=1)) for name, array in sorted(arrays.items()))
            self._arrays[record.arrays] = dict(copies)

    def record(self, file: Path, beside: Path) -> Record | None:
        """The record of a file, None unless this process wrote it and its arrays last."""
        record, written = self._records.get(file.stem, (None, 0))
        if record is None or written != hash((stamp(file), stamp(beside) if record.arrays else None)):
            return None
        return record

    def arrays(self, content: str, file: Path, beside: Path) -> dict[str, ndarray] | None:
        """The arrays of this content beside a record as `record` returns it, None where they are not kept."""
        record = self.record(file, beside) if content in self._arrays else None
        if record is None or record.arrays != content:
            return None
        return {name: array.copy() for name, array in self._arrays[content].items()}
