"""The form that a record must have before it is used: its fields, their types, and finite numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from simbench.columns import CUTS, INDEX, STITCHER, Column, recorded
from simbench.contracts.case import SCHEMA

#: Why a record of a later release is left out begins with this.
LATER = "of a later simbench"
_ROW = set(recorded.ROW)
#: Numbers that are never missing, beside those of labels.
_GIVEN = ("seconds", "version")
_LARGEST = 2**63


def fault(data: Mapping[str, Any]) -> str:
    """Why the content of a record cannot be used, as the end of "it is ...", or "". data: as unsealed, of any kind."""
    schema = data["identity"].get("schema") if isinstance(data.get("identity"), dict) else None
    if isinstance(schema, int) and schema > SCHEMA:
        return f"{LATER} (schema {schema}, and this one reads up to {SCHEMA})"
    fault = _fields(data, recorded.RECORD, "record", recorded.LATER) or _fields(
        data["labels"], recorded.LABELS, "labels", recorded.LATER_LABELS
    )
    fault = fault or of_method(data["method"]) or unlike(data["labels"], data["method"])
    return fault or next(filter(None, map(_row, data["rows"])), "")


def fault_of_run(data: Mapping[str, Any]) -> str:
    """The same of a description of a run; fields that this release does not know are not looked at."""
    for name in data.keys() & recorded.RUN.keys():
        if not _is(data[name], recorded.RUN[name].type):
            return _wrong("run", name, recorded.RUN[name].type, data[name])
    for row in data.get("cuts", ()):
        if type(row) is not dict:
            return _wrong("cuts", "a row", "plain", row)
        wrong = [name for name in row.keys() & CUTS.keys() if not _is(row[name], CUTS[name].type)]
        if wrong:
            return _wrong("cuts", wrong[0], CUTS[wrong[0]].type, row[wrong[0]])
    return ""


def _fields(data: Mapping[str, Any], table: Mapping[str, Column], where: str, optional: Iterable[str] = ()) -> str:
    if not data.keys() <= table.keys():
        return f"{LATER} ({where}: unknown {_some(data.keys() - table.keys())})"
    missing = () if len(data) == len(table) else table.keys() - data.keys() - set(optional)
    if missing:
        return f"invalid ({where}: no {_some(missing)})"
    for name, value in data.items():
        kind = table[name].type
        if type(value) is str and kind == "text":  # most are
            continue
        if not _is(value, kind) or (value is None and (where == "labels" or name in _GIVEN)):
            return _wrong(where, name, kind, value)
    return ""


def of_method(data: Mapping[str, Any]) -> str:
    """The row of a method: its direction and range are used to rank it."""
    if not data:
        return ""
    bounds = {name: data[name] for name in recorded.BOUNDS if name in data}
    fault = _fields(
        {name: value for name, value in data.items() if name not in bounds},
        recorded.METHOD,
        "method",
        recorded.METHOD.keys() - set(recorded.METHOD_SAYS),
    )
    if fault:
        return fault
    for name, value in bounds.items():
        if value not in ("", "inf", "-inf") and not _is(value, "number"):
            return _wrong("method", name, "number", value)
    if data["kind"] not in (INDEX, STITCHER):
        return f"invalid (method: kind is {_short(data['kind'])}; {INDEX} or {STITCHER} is allowed)"
    if data["kind"] == INDEX and data.get("direction") not in (1, -1):
        return f"invalid (method: direction is {_short(data.get('direction'))}; 1 or -1 is allowed)"
    if data["kind"] == INDEX and bounds.keys() == set(recorded.BOUNDS) and "" not in bounds.values():
        low, high = (None if bounds[name] is None else float(bounds[name]) for name in recorded.BOUNDS)
        if low is None or high is None or low > high:
            return (
                f"invalid (method: range is {_short(low)} to {_short(high)}; two numbers are wanted, the lower first)"
            )
    return ""


def unlike(labels: Mapping[str, Any], method: Mapping[str, Any]) -> str:
    """Why labels are no names that can be shown, or not those of the method, which tables find by them."""
    for where, texts in (("labels", labels), ("method", method)):
        for name, value in texts.items():
            if type(value) is str and not value.isprintable():
                return f"invalid ({where}: {name} is {_short(value)}; it must be printable)"
    kind = labels["kind"]
    if kind in (INDEX, STITCHER) and kind != method.get("kind"):
        return f"invalid (method: kind is {_short(method.get('kind'))}, and the labels say {_short(kind)})"
    for name in recorded.NAMES if method else ():
        if labels[name] != method[name]:
            return f"invalid (method: {name} is {_short(method[name])}, and the labels say {_short(labels[name])})"
    return ""


def _row(row: Any) -> str:
    if not isinstance(row, dict):
        return _wrong("rows", "a row", "plain", row)
    if row.keys() != _ROW:
        return _fields(row, recorded.ROW, "rows", ("step", "status", "note"))
    quantity, value, status = row["quantity"], row["value"], row["status"]
    if type(quantity) is not str or not quantity.isprintable():
        return f"invalid (rows: quantity is {_short(quantity)}; it must be printable text)"
    if type(value) is float and math.isfinite(value) and status == "ok" and row["step"] is None:  # nearly every row
        return "" if type(row["note"]) is str else _wrong("rows", "note", "text", row["note"])
    if status not in recorded.STATUSES:
        return f"invalid (rows: status is {_short(status)}; allowed: {', '.join(recorded.STATUSES)})"
    return _fields(row, recorded.ROW, "rows")


def _is(value: Any, kind: str) -> bool:
    """Whether a value is of a type of columns; whole and other numbers may be missing, as in tables."""
    if kind == "text":
        return type(value) is str
    if kind == "plain":
        return type(value) is dict
    if kind == "list":
        return type(value) is list
    if kind == "boolean":
        return type(value) is bool
    if value is None:
        return True
    if type(value) is int:
        return -_LARGEST <= value < _LARGEST
    return kind == "number" and type(value) is float and math.isfinite(value)


def _wrong(where: str, name: str, kind: str, value: Any) -> str:
    return f"invalid ({where}: {name} is {_short(value)}; it must be {_CALLED.get(kind, kind)})"


_CALLED = {
    "plain": "an object",
    "list": "a list",
    "whole": "a whole number",
    "number": "a finite number",
    "boolean": "true or false",
}


def _some(names: Iterable[str]) -> str:
    names = sorted(names)
    return ", ".join(map(_short, names[:3])) + (", ..." if len(names) > 3 else "")


def _short(value: Any) -> str:
    """At most 60 characters; ASCII, because the content is a stranger's."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    text = ascii(value) if not isinstance(value, int) or abs(value) < _LARGEST else "a huge number"
    return text if len(text) <= 60 else f"{text[:57]}..."
