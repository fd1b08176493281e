"""Tables: tidy data frames derived from records, and their CSV files, which are sorted and never appended to."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Set
from pathlib import Path

import pandas as pd

from simbench import columns
from simbench.contracts import BoardColumn, Index, Plugin, Stitcher
from simbench.contracts.case import Case
from simbench.errors import InputError
from simbench.results import frames
from simbench.results.cells import all_inert, all_restored
from simbench.results.frames import Frame, current
from simbench.results.published import METHOD_KEY, published
from simbench.results.store import Contents, Record
from simbench.system import atomic
from simbench.system.raised import message

#: What tables are derived from.
Records = Frame | Mapping[str, Record] | Iterable[Record]


def describe(case: Case, package: str, package_version: str) -> dict:
    """The row of methods.csv for the method of a case; {} when it has none."""
    method: Plugin | None = case.method
    if method is None:
        return {}
    described = {
        "kind": columns.INDEX if isinstance(method, Index) else columns.STITCHER,
        "method": method.name,
        "params": case.labels["params"],
        "spec": method.spec,
        "source": method.source,
        "version": method.version,
        "package": package,
        "package_version": package_version,
        "control": method.control,
    }
    if isinstance(method, Index):
        claims = method.claims
        described |= {
            "direction": claims.direction,
            "symmetric": claims.symmetric,
            "needs": method.needs,
            "low": _number(claims.range[0]),
            "high": _number(claims.range[1]),
            "invariances_a": " ".join(sorted(claims.invariances_a)),
            "invariances_b": " ".join(sorted(claims.invariances_b)),
            "differentiable": claims.differentiable,
        }
    if isinstance(method, Stitcher):
        described |= {"needs": method.needs, "family": method.family, "objective": method.objective}
    return described


def _number(bound: float) -> float | str:
    return str(bound) if bound in (float("inf"), float("-inf")) else bound


def measurements(
    records: Records, preferred: Set[str] = frozenset(), declared: Mapping[str, BoardColumn] = columns.NONE
) -> pd.DataFrame:
    """One row per number of the `current` records, rounded by `published`. declared: as for `read`."""
    frame = frames.of(records)
    return published(current(frame, preferred)[0].sorted_rows(), methods(frame), declared)


def methods(records: Records) -> pd.DataFrame:
    """One row per method, as its latest record describes it."""
    return _sorted(pd.DataFrame(frames.of(records).methods(), columns=list(columns.METHODS)), METHOD_KEY)


def timings(records: Records) -> pd.DataFrame:
    """Seconds per case, and the run that measured it."""
    return frames.of(records).sorted_cases()


def runs(contents: Contents) -> pd.DataFrame:
    """One row per run that measured something."""
    rows = [
        {"run": name, "schema": columns.SCHEMA} | {key: _text(value) for key, value in description.items()}
        for name, description in sorted(contents.runs.items())
    ]
    return pd.DataFrame(rows, columns=list(columns.RUNS))


def cuts(contents: Contents) -> pd.DataFrame:
    """One row per two layers that were stitched, as the latest run saw them, by their names."""
    older = {name: "" for name, column in columns.CUTS.items() if column.type == "text"}  # what earlier runs lack
    rows = {
        tuple(row.get(name, "") for name in columns.CUT_KEY): older | row | {"run": run}
        for run, description in sorted(contents.runs.items())
        for row in description.get("cuts", ())
    }
    frame = pd.DataFrame([rows[key] for key in sorted(rows)], columns=list(columns.CUTS))
    return frame.astype({name: "Int64" for name, column in columns.CUTS.items() if column.type == "whole"})


def _text(value):
    return "; ".join(f"{key} {item}" for key, item in value.items()) if isinstance(value, dict) else value


def _sorted(frame: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    return frame.sort_values(by, kind="stable", ignore_index=True) if len(frame) else frame


def write(frame: pd.DataFrame, path: Path) -> bool:
    """Write a CSV file atomically if it differs from the existing one; returns whether it did. Floats keep all digits;
    empty means undefined. Texts that a spreadsheet would execute are marked (`simbench.results.cells`)."""
    types = _types(frame.columns)
    texts = [name for name in frame.columns if types[name] is str]
    frame = all_inert(frame, texts)
    # A carriage return ends a line for most readers; Python quotes it from version 3.13 on.
    returns = any("\r" in value for name in texts for value in frame[name].unique() if isinstance(value, str))
    quoting = csv.QUOTE_NONNUMERIC if returns else csv.QUOTE_MINIMAL
    text = frame.to_csv(index=False, lineterminator="\n", quoting=quoting).encode("utf-8", "backslashreplace")
    if path.is_file() and path.read_bytes() == text:
        return False
    atomic.write(path, text)
    return True


def read(path: Path, declared: Mapping[str, BoardColumn] = columns.NONE, only: Set[str] | None = None) -> pd.DataFrame:
    """A table written by `write`, with the types of `simbench.columns`: text columns hold '' where empty, others a
    missing value. declared: quantity -> column that experiments add to the leaderboard. only: names of the columns to
    read, where the file has them; by default all. Unknown columns are text. InputError for what `write` cannot have
    written."""
    try:
        return _read(path, declared, only)
    except (ValueError, csv.Error, OverflowError) as error:  # no text, no number, no table: ParserError is a ValueError
        raise InputError(
            f"{path} is not what simbench wrote ({message(error)}); `simbench run` and `simbench leaderboard` write it "
            "again once it is removed"
        ) from None


def _read(path: Path, declared: Mapping[str, BoardColumn], only: Set[str] | None) -> pd.DataFrame:
    names = [name for name in header(path) if only is None or name in only]
    types = _types(names, declared)
    empty = {name: [""] for name in names if types[name] is not str}
    chosen = None if only is None else names
    frame = pd.read_csv(path, dtype=types, keep_default_na=False, na_values=empty, usecols=chosen)
    return all_restored(frame, [name for name in names if types[name] is str])


def heads(path: Path, names: Iterable[str]) -> bool:
    """Whether a file begins as `write` begins a table of these columns, whatever it holds."""
    with path.open("rb") as file:
        return file.readline().rstrip(b"\n") == ",".join(names).encode()


def header(path: Path) -> list[str]:
    """The names of the columns of a CSV file; none of an empty file."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        return next((row for row in csv.reader(file) if row), [])


def _types(names: Iterable[str], declared: Mapping[str, BoardColumn] = columns.NONE) -> dict:
    """Column -> dtype; unknown columns are text."""
    tables = (*columns.TABLES.values(), *columns.OCCASIONAL.values(), columns.board(declared))
    known = {name: dtype for table in tables for name, dtype in columns.dtypes(table).items()}
    return {name: known.get(name, str) for name in names}


def empty(table: Mapping[str, columns.Column]) -> pd.DataFrame:
    """A table without rows, with the types that `read` gives."""
    return pd.DataFrame(columns=list(table)).astype(columns.dtypes(table))
