"""What a segment must look like before anything believes it: its hash, its columns, and values of their kinds."""

from __future__ import annotations

import hashlib
import io
import json
import os
from typing import TYPE_CHECKING

import numpy as np

from simbench.columns import INDEX, STITCHER, recorded
from simbench.contracts.case import SCHEMA
from simbench.results import schema
from simbench.results.segments.columnar import FEW, LISTS, layout

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

#: Bytes that are hashed at a time.
CHUNK = 2**20
#: Columns by which later and invalid records are found.
_TEXTS = tuple(name for name, column in recorded.LABELS.items() if column.type == "text")
LOOKED_AT = ("schema", "described", *_TEXTS, "rows.quantity", "rows.status", "rows.value")
#: Columns that are never missing.
_SURE = ("key", "checksum", "identity", "seconds", "error", "arrays", "seed", "samples", *FEW)


class _Reader(io.RawIOBase):
    """An open file, which somebody else closes."""

    def __init__(self, file: int) -> None:
        self._file, self._at = file, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: os.fstat(self._file).st_size}[whence]
        self._at = start + offset
        return self._at

    def read(self, size: int = -1) -> bytes:
        size = max(0, os.fstat(self._file).st_size - self._at) if size is None or size < 0 else size
        data = os.pread(self._file, size, self._at)
        self._at += len(data)
        return data


def hashed(file: int) -> str:
    """sha256 of an open file."""
    sha, at = hashlib.sha256(), 0
    while data := os.pread(file, CHUNK, at):
        sha.update(data)
        at += len(data)
    return sha.hexdigest()


def parquet(file: int, coded: bool = False) -> ParquetFile:
    """An open file as Parquet. coded: text of few values as dictionaries. Raises ValueError for what is none."""
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

    try:
        source = pa.PythonFile(_Reader(file), mode="r")
        return ParquetFile(source, read_dictionary=list(FEW) if coded else None, arrow_extensions_enabled=False)
    except (pa.ArrowException, OSError) as error:
        raise ValueError(str(error)) from None


def unlike(of: ParquetFile) -> str:
    """Why the columns are not those of a segment, as the end of "it is ...", or ""."""
    columns, wanted = of.schema.to_arrow_schema(), layout()
    unknown, missing = set(columns.names) - set(wanted.names), set(wanted.names) - set(columns.names)
    if unknown:
        return f"{schema.LATER} (segment: unknown {', '.join(map(ascii, sorted(unknown)[:3]))})"
    if missing or any(not columns.field(field.name).type.equals(field.type) for field in wanted):
        return "invalid (segment: its columns are not those of records)"
    return ""


def fault(of: ParquetFile) -> str:
    """Why the values of a segment cannot be used, as the end of "it is ...", or ""."""
    import pyarrow as pa

    try:
        table = of.read([*_SURE, *(f"rows.{name}" for name in LISTS)])
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        return f"invalid (segment: {ascii(str(error))[:60]})"
    lists = [table[f"rows.{name}"].combine_chunks() for name in LISTS]
    texts = [column.flatten() for name, column in zip(LISTS, lists, strict=True) if recorded.ROW[name].type == "text"]
    if any(column.null_count for column in [*lists, *texts, *(table[name] for name in _SURE)]):
        return "invalid (segment: a column lacks values)"
    if any(not column.offsets.equals(lists[0].offsets) for column in lists):
        return "invalid (segment: lists of rows differ in length)"
    keys = keys_of(table["key"])
    return "" if (keys[1:] > keys[:-1]).all() else "invalid (segment: keys are not in order)"


def keys_of(column: pa.ChunkedArray) -> np.ndarray:
    """Keys as 32 bytes each."""
    joined = column.combine_chunks()
    start = joined.offset * 32
    return np.frombuffer(joined.buffers()[1], "S32", len(joined), start) if len(joined) else np.zeros(0, "S32")


def suspects(table: pa.Table) -> np.ndarray:
    """Of each record, whether it is later or invalid. table: the columns `LOOKED_AT`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    bad = pc.fill_null(pc.greater(table["schema"], SCHEMA), False).to_numpy().copy()
    codes, texts = _coded(table["described"])
    methods = [_of_method(text) for text in texts]
    bad |= np.array([method is None for method in methods], bool)[codes] if len(bad) else False
    bad |= _unlike(table, codes, [method or {} for method in methods]) if len(bad) else False
    right = {
        "quantity": pc.utf8_is_printable,
        "status": lambda texts: pc.is_in(texts, pa.array(recorded.STATUSES)),
        "value": lambda numbers: pc.fill_null(pc.is_finite(numbers), True),
    }
    for name, check in right.items():
        column = table[f"rows.{name}"].combine_chunks()
        wrong = ~check(column.flatten()).to_numpy(zero_copy_only=False)
        if wrong.any():
            bad[column.value_parent_indices().to_numpy()[wrong]] = True
    return bad


def _coded(column: pa.ChunkedArray) -> tuple[np.ndarray, list[str]]:
    """Codes and texts of a column of few values."""
    import pyarrow as pa

    whole = column.combine_chunks()
    whole = whole.chunk(0) if isinstance(whole, pa.ChunkedArray) else whole
    return whole.indices.to_numpy(), whole.dictionary.to_pylist()


def _unlike(table: pa.Table, of: np.ndarray, methods: list[dict]) -> np.ndarray:
    """Of each record, whether its labels are not those of its method, or no names (`schema.unlike`). of: its place in
    `methods`."""
    codes, kinds = _coded(table["kind"])
    ranked = np.array([kind in (INDEX, STITCHER) for kind in kinds], bool)[codes]
    bad = ranked & (codes != _places(kinds, [method.get("kind") for method in methods])[of])
    described = np.array([bool(method) for method in methods], bool)[of]
    for name in recorded.NAMES:
        codes, texts = _coded(table[name])
        bad |= described & (codes != _places(texts, [method.get(name) for method in methods])[of])
    for name in _TEXTS:
        codes, texts = _coded(table[name])
        odd = np.array([not text.isprintable() for text in texts], bool)
        bad |= odd[codes] if odd.any() else False
    strange = [not all(value.isprintable() for value in one.values() if isinstance(value, str)) for one in methods]
    return bad | np.array(strange, bool)[of]


def _places(texts: list[str], wanted: list[str | None]) -> np.ndarray:
    """Where each wanted text is among some, -1 where it is not."""
    known = {text: at for at, text in enumerate(texts)}
    return np.array([-1 if text is None else known.get(text, -1) for text in wanted], int)


def _of_method(text: str) -> dict | None:
    """The row of a method, None where it cannot be used."""
    try:
        row = json.loads(text)
        return row if isinstance(row, dict) and not schema.of_method(row) else None
    except (ValueError, RecursionError):
        return None
