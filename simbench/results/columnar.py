"""Records as columns: the layout of a segment, and what tables are derived from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from simbench.columns import recorded as told
from simbench.contracts import Row
from simbench.results.record import Record
from simbench.system.provenance import canonical, digest

if TYPE_CHECKING:
    import pyarrow as pa

#: Lists of one length: an item for each number of the record.
LISTS = ("quantity", "value", "step", "status", "note")
#: Text that few values are of.
FEW = ("described", "run", *(name for name, column in told.LABELS.items() if column.type == "text"))
#: Records that become columns at a time.
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
        **{name: types[column.type] for name, column in told.LABELS.items()},
        **{f"rows.{name}": pa.list_(types[told.ROW[name].type]) for name in LISTS},
    }
    return pa.schema(list(fields.items()))


def table(records: Iterable[Record], places: Sequence[tuple[int, int] | None] | None = None) -> pa.Table:
    """Columns of records, a row each. places: at and size of the arrays of each record, None for none."""
    import pyarrow as pa

    parts, batch = [], []
    for record in records:
        batch.append(record)
        if len(batch) == BATCH:
            parts.append(_part(batch))
            batch = []
    whole = pa.concat_tables([*parts, _part(batch)])
    for name, side in (("at", 0), ("size", 1)) if places is not None else ():
        column = pa.array([None if place is None else place[side] for place in places], pa.int64())
        whole = whole.set_column(whole.schema.get_field_index(name), name, column)
    return whole


def _part(records: Sequence[Record]) -> pa.Table:
    import pyarrow as pa

    columns: dict[str, list] = {
        "key": [bytes.fromhex(record.key) for record in records],
        "checksum": [bytes.fromhex(record.checksum) for record in records],
        "identity": [canonical(record.identity) for record in records],
        "schema": [_whole(record.identity.get("schema")) for record in records],
        "described": [canonical(record.method) for record in records],
        "at": [None] * len(records),
        "size": [None] * len(records),
        **{name: [getattr(record, name) for record in records] for name in ("seconds", "run", "error", "arrays")},
        **{name: [record.labels[name] for record in records] for name in told.LABELS},
        **{f"rows.{name}": [[getattr(row, name) for row in record.rows] for record in records] for name in LISTS},
    }
    return pa.table({field.name: pa.array(columns[field.name], field.type) for field in layout()}, layout())


def record(row: dict[str, Any]) -> Record:
    """The record of a row of a table, as plain data."""
    rows = zip(*(row[f"rows.{name}"] for name in LISTS), strict=True)
    return Record(
        key=row["key"].hex(),
        identity=json.loads(row["identity"]),
        labels={name: row[name] for name in told.LABELS},
        method=json.loads(row["described"]),
        rows=tuple(Row(**dict(zip(LISTS, values, strict=True))) for values in rows),
        **{name: row[name] for name in ("seconds", "run", "error", "arrays")},
    )


def sound(row: dict[str, Any], one: Record) -> bool:
    """Whether a record of a table is what was written, under the name of its case."""
    return one.checksum == row["checksum"].hex() and digest(one.identity) == one.key


def _whole(value: Any) -> int | None:
    return value if type(value) is int else None
