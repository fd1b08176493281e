"""The store: one immutable, checksummed JSON file per finished case, named by the case's content."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from simbench.errors import InputError
from simbench.results import archives, filed, schema
from simbench.results.contents import Contents
from simbench.results.places import misplaced
from simbench.results.record import Record
from simbench.results.segments import locks
from simbench.results.segments.held import Records
from simbench.results.segments.segment import FOLDER, MARK, SUFFIX, Damaged, Segment
from simbench.results.written import Written
from simbench.system.provenance import digest
from simbench.system.seals import put, sealed, unsealed
from simbench.system.stopwatch import stage
from simbench.system.writable import unwritable

if TYPE_CHECKING:
    from simbench.results.frames import Entry

_CORRUPT = "corrupt"
#: Of arrays that are what was written, and that this release cannot read.
_UNREADABLE = "invalid (it holds no arrays of numbers or text)"

__all__ = ["Contents", "Record", "Store"]


class Store:
    """Records and run descriptions under one results folder. It keeps what it has written in memory, and reads a file
    of that again only after somebody else has written it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._written = Written()
        self._open: dict[Path, Segment] = {}
        self._packed = Records({})

    def check_writable(self) -> None:
        """Raise InputError unless results can be written here; creates nothing."""
        for folder in (self.folder, self.folder / "records", self.folder / "runs"):
            reason = unwritable(folder)
            if reason:
                raise InputError(
                    f"results folder {str(self.folder)!r} is not writable ({reason}); give another with --results"
                )
        for path, kind in misplaced(self.folder):
            raise InputError(f"{path} is no {kind}; remove it, or give another folder with --results")

    @stage("writing records")
    def put(self, record: Record, arrays: Mapping[str, np.ndarray] | None = None) -> Record:
        """Write the arrays, then the record. The files are whole even where the process is killed; what a power failure
        leaves in pieces does not fit its checksum, and is measured again. Returns the record as `read` will return it.
        """
        beside = None
        with locks.writing(self.folder / "records"):
            if arrays:
                data = archives.packed(arrays)
                beside = put(self._arrays(record.key), data, flush=False)
                record = replace(record, arrays=digest(data))
            own = put(self.file(record.key), sealed(record.plain), flush=False)
        self._written.add(record, arrays or {}, own, beside)
        return record

    @stage("reading records")
    def arrays(self, record: Record | Entry) -> dict[str, np.ndarray]:
        """The arrays of a record. Raises InputError if they are missing, were changed, or cannot be read."""
        known = self._written.arrays(record.arrays, self.file(record.key), self._arrays(record.key))
        if known is not None:
            return known
        data = self.content(record)
        try:
            return archives.unpacked(data)
        except archives.UNREADABLE:
            place = self._packed.place(record.key)
            path = place[0].path / record.key if place else self._arrays(record.key)
            raise InputError(f"{path} is {_UNREADABLE}; `simbench doctor --heal` removes it") from None

    def content(self, record: Record | Entry) -> bytes:
        """The file of arrays of a record, wherever it is. InputError as for `arrays`."""
        data, path = self.packed(record), self._arrays(record.key)
        for _ in range(0 if data else 2):  # it may be packed while we look
            place = self._packed.place(record.key)
            data = place[0].array(place[1], record.arrays) if place else b""
            if data:
                break
            path = place[0].path / record.key if place else path
            self.segments()
        if not data:
            first = "" if path.suffix == ".npz" else "`simbench doctor --heal` removes it, and then "
            raise InputError(f"{path} is missing or corrupt; {first}`simbench run` measures its case again")
        return data

    def packed(self, record: Record | Entry) -> bytes:
        """The file of arrays of a record that has a file of its own; b"" where it is not as the record says."""
        data = filed.content_of(self._arrays(record.key))
        return data if digest(data) == record.arrays else b""

    @stage("writing records")
    def put_run(self, name: str, description: dict) -> None:
        """Write the description of a run: command line, versions, device, times."""
        put(self.folder / "runs" / f"{name}.json", sealed(description))

    @stage("reading records")
    def read(self) -> Contents:
        """All records and runs. Files with a wrong checksum, of a wrong form (`schema`) or of a later release are
        listed as faults and left out."""
        records, runs, faults = {}, {}, {}
        for path in self.files():
            record, faulty, fault = self._sound(path)
            if record is not None:
                records[path.stem] = record
            elif os.path.lexists(path):  # else it was packed meanwhile
                faults[faulty] = fault
        packed, damaged = self.segments()  # after the files that may go there
        faults |= damaged
        for path in filed.named(self.folder / "runs"):
            data = unsealed(path)
            fault = _CORRUPT if data is None else schema.fault_of_run(data)
            if data is None or fault:
                faults[path] = fault
            else:
                runs[path.stem] = data
        return Contents(Records(records, packed.segments) if packed.segments else records, runs, faults)

    def segments(self) -> tuple[Records, dict[Path, str]]:
        """The records in segments, and the faults of these."""
        folder = self.folder / "records" / FOLDER
        while True:
            found: dict[Path, Segment] = {}
            faults: dict[Path, str] = {}
            try:
                for path in sorted(folder.glob(f"*{SUFFIX}")):
                    try:
                        found[path] = self._open.get(path) or Segment(path)
                    except Damaged as damaged:
                        faults[path] = str(damaged)
                break
            except FileNotFoundError:  # segments were packed anew
                continue
        self._open, self._packed = found, Records({}, tuple(found.values()))
        for path, segment in found.items():
            faults |= {path / key: reason for key, reason in segment.faults.items()}
        return self._packed, faults

    def files(self) -> Iterable[Path]:
        """Of every record that has a file of its own, in the order of keys."""
        return (path for path in filed.named(self.folder / "records") if path.stem != MARK)

    def sound(self, path: Path) -> Record | None:
        """The record of a file, None unless it and its arrays are what was written."""
        return self._sound(path)[0]

    def _sound(self, path: Path) -> tuple[Record | None, Path, str]:
        """The record in a file, or None; the file at fault, and its fault."""
        record = self._written.record(path, path.with_suffix(".npz"))
        if record is not None:
            return record, path, ""
        record, fault = self._read(path)
        if record is not None and record.arrays:
            data = self.packed(record)
            if not data or not archives.readable(data):
                return None, self._arrays(record.key), _UNREADABLE if data else _CORRUPT
        return record, path, fault

    @stage("reading records")
    def get(self, key: str) -> Record | None:
        """The record of a case, if it has an intact file of its own, else None. Looks at one path."""
        return self.sound(path) if (path := self.file(key)).is_file() else None

    def _read(self, path: Path) -> tuple[Record | None, str]:
        """The record in a file, or None and why it is left out."""
        data, key = unsealed(path), path.stem
        if data is None or data.get("key") != key or digest(data.get("identity")) != key:
            return None, _CORRUPT
        fault = schema.fault(data)
        if fault:
            return None, fault
        return Record.of(data), ""

    def file(self, key: str) -> Path:
        """Of a record that is not in a segment."""
        return Path(f"{self.folder}/records/{key[:2]}/{key}.json")

    def _arrays(self, key: str) -> Path:
        return Path(f"{self.folder}/records/{key[:2]}/{key}.npz")
