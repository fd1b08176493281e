"""Records as columns: the layout of a segment, and what tables are derived from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from simbench.columns import recorded
from simbench.contracts import Row
from simbench.results.record import Record
from simbench.results.schema import fault
from simbench.system.provenance import canonical, digest

if TYPE_CHECKING:
    import pyarrow as pa

#: Lists of one length: an item for each number of the record.
LISTS = ("quantity", "value", "step", "status", "note")
#: Columns of a frame beside the labels and the lists.
OWN = ("key", "run", "described", "seconds", "arrays")
FRAME = (*OWN, *recorded.LABELS, *(f"rows.{name}" for name in LISTS))
#: Text that few values are of.
FEW = ("described", "run", *(name for name, column in recorded.LABELS.items() if column.type == "text"))
#: What reading data of strangers may raise.
UNREADABLE = (ValueError, TypeError, AttributeError, KeyError, RecursionError)
#: Records of a row group, which are read together.
BATCH = 4096


@cache
def layout() -> pa.Schema:
    """The columns. key, checksum: 32 bytes; the checksum is `Record.checksum`. identity, described: canonical JSON, of
    the identity and of the method. schema: of the identity. at, size: where the arrays are in the pack of the segment.
    Then the labels, each a column of its type, and the `LISTS`."""
    import pyarrow as pa

    types = {"text": pa.string(), "whole": pa.int64(), "number": pa.float64()}
    fields = {
        "key": pa.binary(32),
        "checksum": pa.binary(32),
        "identity": pa.string(),
        "schema": pa.int64(),
        "described": pa.string(),
        "seconds": pa.float64(),
        "run": pa.string(),
        "error": pa.string(),
        "arrays": pa.string(),
        "at": pa.int64(),
        "size": pa.int64(),
        **{name: types[column.type] for name, column in recorded.LABELS.items()},
        **{f"rows.{name}": pa.list_(types[recorded.ROW[name].type]) for name in LISTS},
    }
    return pa.schema(list(fields.items()))


def placed(table: pa.Table, places: Sequence[tuple[int, int] | None]) -> pa.Table:
    """The table with where the arrays of each record are: at and size, or None."""
    import pyarrow as pa

    for name, side in (("at", 0), ("size", 1)):
        column = pa.array([None if place is None else place[side] for place in places], pa.int64())
        table = table.set_column(table.schema.get_field_index(name), name, column)
    return table


def table(records: Sequence[Record]) -> pa.Table:
    """All columns of records, a row each; without places of arrays."""
    import pyarrow as pa

    nothing = pa.nulls(len(records), pa.int64())
    columns = {
        "key": pa.array([bytes.fromhex(record.key) for record in records], pa.binary(32)),
        "checksum": pa.array([bytes.fromhex(record.checksum) for record in records], pa.binary(32)),
        "identity": [canonical(record.identity) for record in records],
        "schema": pa.array([_whole(record.identity.get("schema")) for record in records], pa.int64()),
        "error": [record.error for record in records],
        **{"at": nothing, "size": nothing},
    }
    given = frame(records)
    return pa.table({name: columns[name] if name in columns else given[name] for name in layout().names}, layout())


def frame(records: Sequence[Record]) -> pa.Table:
    """The columns that tables are derived from: `OWN`, labels and lists, with keys as text."""
    import pyarrow as pa

    columns: dict[str, list] = {
        "described": [canonical(one.method) for one in records],
        **{name: [getattr(one, name) for one in records] for name in OWN if name != "described"},
        **{name: [one.labels.get(name, _missing(name)) for one in records] for name in recorded.LABELS},
        **{f"rows.{name}": [[getattr(row, name) for row in one.rows] for one in records] for name in LISTS},
        "rows.value": [[None if row.value is None else float(row.value) for row in one.rows] for one in records],
    }
    types = {name: layout().field(name).type for name in columns} | {"key": pa.string()}
    return pa.table({name: pa.array(column, types[name]) for name, column in columns.items()})


def _missing(label: str) -> str | None:
    return "" if recorded.LABELS[label].type == "text" else None


def record(row: dict[str, Any]) -> Record:
    """The record of a row of a table, as plain data."""
    rows = zip(*(row[f"rows.{name}"] for name in LISTS), strict=True)
    return Record(
        key=row["key"].hex(),
        identity=json.loads(row["identity"]),
        labels={name: row[name] for name in recorded.LABELS},
        method=json.loads(row["described"]),
        rows=tuple(Row(**dict(zip(LISTS, values, strict=True))) for values in rows),
        **{name: row[name] for name in ("seconds", "run", "error", "arrays")},
    )


def sound(row: dict[str, Any]) -> Record | None:
    """The record of a row; None unless it is what was written, under the name of its case, and of a sound form."""
    try:
        one = record(row)
        right = one.checksum == row["checksum"].hex() and digest(one.identity) == one.key and not fault(one.plain)
        return one if right else None
    except UNREADABLE:
        return None


def reason(row: dict[str, Any]) -> str:
    """What is wrong with the form of the record of a row, "" where nothing is, as the end of "it is ..."."""
    try:
        return fault(record(row).plain)
    except UNREADABLE:
        return ""


def digits(key: bytes) -> str:
    """A key as 64 digits; numpy takes zeros from its end."""
    return key.hex().ljust(64, "0")


def _whole(value: Any) -> int | None:
    return value if type(value) is int else None
