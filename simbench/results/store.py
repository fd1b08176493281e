"""The store: one immutable, checksummed JSON file per finished case, named by the case's content."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from simbench.columns import TABLES
from simbench.contracts import Row
from simbench.errors import InputError
from simbench.results import schema
from simbench.system.provenance import digest
from simbench.system.seals import content, put, sealed, unsealed
from simbench.system.stopwatch import stage
from simbench.system.writable import unwritable

_CORRUPT = "corrupt"


@dataclass(frozen=True)
class Record:
    """The result of one case.

    key: sha256 of `identity`, the plain data that determines the numbers. labels: the columns that name the case.
    method: its row in methods.csv. rows: the measured numbers. seconds: of this case; forward passes that cases share
    are counted for the first case that needs them. run: name of the run that measured it. error: traceback of a failed
    case, else "". arrays: sha256 of the file of arrays beside the record, "" if there is none.
    """

    key: str
    identity: dict
    labels: dict
    method: dict
    rows: tuple[Row, ...]
    seconds: float
    run: str
    error: str = ""
    arrays: str = ""

    @property
    def failed(self) -> bool:
        """Whether a row failed: the case is then measured again by the next run."""
        return any(row.status == "failed" for row in self.rows)


@dataclass(frozen=True)
class Contents:
    """Everything in a store. records: by key. runs: descriptions by name. faults: every file that is left out -> why,
    as the end of "it is ..."."""

    records: dict[str, Record] = field(default_factory=dict)
    runs: dict[str, dict] = field(default_factory=dict)
    faults: dict[Path, str] = field(default_factory=dict)

    @property
    def corrupt(self) -> tuple[Path, ...]:
        """The files that are left out."""
        return tuple(self.faults)


class Store:
    """Records and run descriptions under one results folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def check_writable(self) -> None:
        """Raise InputError unless results can be written here; creates nothing."""
        for folder in (self.folder, self.folder / "records", self.folder / "runs"):
            reason = unwritable(folder)
            if reason:
                raise InputError(
                    f"results folder {str(self.folder)!r} is not writable ({reason}); give another with --results"
                )
        for name in TABLES:
            if os.path.lexists(self.folder / name) and not (self.folder / name).is_file():
                raise InputError(f"{self.folder / name} is no file; remove it, or give another folder with --results")
        figures = self.folder / "figures"
        if os.path.lexists(figures) and not figures.is_dir():
            raise InputError(f"{figures} is not a folder; remove it, or give another folder with --results")

    @stage("writing records")
    def put(self, record: Record, arrays: Mapping[str, np.ndarray] | None = None) -> Record:
        """Write the arrays, then the record. The files are whole even where the process is killed; what a power failure
        leaves in pieces does not fit its checksum, and is measured again. Returns the record as `read` will return it.
        """
        if arrays:
            data = _packed(arrays)
            put(self._arrays(record.key), data, flush=False)
            record = replace(record, arrays=digest(data))
        plain = vars(record) | {"rows": [vars(row) for row in record.rows]}
        put(self._path(record.key), sealed(plain), flush=False)
        return record

    @stage("reading records")
    def arrays(self, record: Record) -> dict[str, np.ndarray]:
        """The arrays of a record. Raises InputError if they are missing or were changed."""
        path = self._arrays(record.key)
        data = _content(path)
        if digest(data) != record.arrays:
            raise InputError(f"{path} is missing or corrupt; `simbench run` measures its case again")
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return {name.removesuffix(".npy"): _array(archive.read(name)) for name in archive.namelist()}

    @stage("writing records")
    def put_run(self, name: str, description: dict) -> None:
        """Write the description of a run: command line, versions, device, times."""
        put(self.folder / "runs" / f"{name}.json", sealed(description))

    @stage("reading records")
    def read(self) -> Contents:
        """All records and runs. Files with a wrong checksum, of a wrong form (`schema`) or of a later release are
        listed as faults and left out."""
        records, runs, faults = {}, {}, {}
        for path in _files(self.folder / "records"):
            record, fault = self._read(path)
            if record is None:
                faults[path] = fault
            elif record.arrays and digest(_content(self._arrays(record.key))) != record.arrays:
                faults[self._arrays(record.key)] = _CORRUPT
            else:
                records[path.stem] = record
        for path in _files(self.folder / "runs"):
            data = unsealed(path)
            fault = _CORRUPT if data is None else schema.fault_of_run(data)
            if data is None or fault:
                faults[path] = fault
            else:
                runs[path.stem] = data
        return Contents(records, runs, faults)

    @stage("reading records")
    def get(self, key: str) -> Record | None:
        """The record of a case, if there is a whole one; None costs a look at one path."""
        record, _ = self._read(self._path(key)) if self._path(key).is_file() else (None, "")
        if record is None or (record.arrays and digest(_content(self._arrays(key))) != record.arrays):
            return None
        return record

    def _read(self, path: Path) -> tuple[Record | None, str]:
        """The record in a file, or None and why it is left out."""
        data = unsealed(path)
        if data is None or data.get("key") != path.stem or digest(data.get("identity")) != path.stem:
            return None, _CORRUPT
        fault = schema.fault(data)
        if fault:
            return None, fault
        labels = {"panel": ""} | data["labels"]  # records of before there were panels
        return Record(**data | {"labels": labels, "rows": tuple(Row(**row) for row in data["rows"])}), ""

    def _path(self, key: str) -> Path:
        return self.folder / "records" / key[:2] / f"{key}.json"

    def _arrays(self, key: str) -> Path:
        return self._path(key).with_suffix(".npz")


def _content(path: Path) -> bytes:
    try:
        return content(path)
    except OSError:
        return b""


def _files(folder: Path) -> Iterable[Path]:
    """Everything that is named as a record is, folders too: one in the place of a file is a fault."""
    names = ((place, name) for place, folders, files in os.walk(folder) for name in (*folders, *files))
    paths = (f"{place}/{name}" for place, name in names if name.endswith(".json") and not name.startswith(".tmp-"))
    return map(Path, sorted(paths))


def _array(data: bytes) -> np.ndarray:
    """The array of an .npy file."""
    return np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)


def _packed(arrays: Mapping[str, np.ndarray]) -> bytes:
    """An .npz file; the same arrays always give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in sorted(arrays.items()):
            inner = io.BytesIO()
            np.save(inner, np.ascontiguousarray(array), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), inner.getvalue())
    return buffer.getvalue()
