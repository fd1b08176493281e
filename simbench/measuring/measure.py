"""Measuring: a case and its bench -> rows and arrays. Receives objects, never the registry."""

from __future__ import annotations

import math
import operator
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from simbench.contracts import Index, Result, Row
from simbench.contracts.case import Case
from simbench.errors import Inapplicable, Undefined
from simbench.isolation.copies import handed
from simbench.isolation.loans import Loan
from simbench.measuring.bench import Workbench
from simbench.measuring.joints import joint, wanted
from simbench.measuring.window import Window
from simbench.results import archives
from simbench.system.raised import clean, message, told, trace
from simbench.system.surroundings import abroad, known, seed_of

#: What a row may say of its value, and names of arrays.
STATUSES = ("ok", "degenerate", "skipped", "failed")
ARRAY = re.compile(r"[\w ./=+-]{1,100}")


@dataclass(frozen=True)
class Measured:
    """What measuring a case gave. samples: images it was measured on. error: traceback of a failed case. arrays:
    what the experiment's figure needs beside the rows. joint: a row of cuts.csv, where the case has one."""

    case: Case
    rows: tuple[Row, ...]
    samples: int
    seconds: float
    error: str = ""
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    joint: Mapping[str, Any] | None = None


def measure(case: Case, bench: Workbench) -> Measured:
    """Run one case, in surroundings that depend on its key alone and are put back. Whatever a plugin raises becomes a
    row `failed`; only an interruption gets through."""
    start, error, samples = time.perf_counter(), "", 0
    arrays: dict[str, np.ndarray] = {}
    try:
        with known(_seed(case)):
            samples = bench.samples(case)
            rows, arrays = _run(case, bench)
            said = bench.alignment(case) if rows else ""
            rows = [_noted(row, said) for row in rows]
    except Inapplicable as reason:
        rows = [Row(quantity_of(case), None, status="skipped", note=message(reason))]
    except Undefined as reason:
        rows = [Row(quantity_of(case), None, status="degenerate", note=message(reason))]
    except Exception as exception:
        rows, arrays = [failed(case, told(exception))], {}
        error = trace(exception)
    seconds = time.perf_counter() - start
    return Measured(case, tuple(rows), samples, seconds, error, arrays, None if error else _joint(case, bench))


def _joint(case: Case, bench: Workbench) -> dict[str, Any] | None:
    """The row of cuts.csv; None also where plugins raise what the rows of the case have survived."""
    try:
        return joint(case, bench) if wanted(case, bench) else None
    except Exception:
        return None


def _seed(case: Case) -> int:
    """Of the case's key; a case whose parameters are no plain data has none, and is on no record."""
    try:
        return seed_of(case.key)
    except (TypeError, ValueError):
        return 0


def _run(case: Case, bench: Workbench) -> tuple[list[Row], dict[str, np.ndarray]]:
    """Rows and arrays of the experiment, which works on copies. Raises Spoilt where it changed one."""
    loan, (copied, back) = Loan(), handed(case)
    with loan.settled(case.experiment), abroad():
        result = case.experiment.run(copied, Window(bench, loan, back))
        result = result if isinstance(result, Result) else Result(result)
        return [_plain(row) for row in result.rows], dict(_numbers(result.arrays))


def _plain(row: Row) -> Row:
    """The row in plain values that can be stored, its value a Python number. Raises TypeError for a row that is none,
    ArithmeticError for a value that is not finite."""
    if not isinstance(row, Row):
        raise TypeError(f"{type(row).__name__} is no row; an experiment returns simbench.Row objects")
    quantity, status, note, step = row.quantity, row.status, row.note, row.step
    value = row.value if row.value is None else float(row.value)
    for name, text in (("quantity", quantity), ("status", status), ("note", note)):
        if not isinstance(text, str):
            raise TypeError(f"{name} of a row is {type(text).__name__}; text is wanted")
    if not quantity or clean(quantity) != quantity:
        raise ValueError(f"quantity of a row is {clean(quantity)!r}; a printable word of at most 500 letters is wanted")
    if status not in STATUSES:
        raise ValueError(f"status of a row is {clean(status)!r}; allowed: {', '.join(STATUSES)}")
    if value is not None and not math.isfinite(value):
        raise ArithmeticError(f"{quantity} is {value}")
    return Row(str(quantity), value, None if step is None else operator.index(step), str(status), clean(note))


def _noted(row: Row, said: str) -> Row:
    """The row with what was done so that a and b pair, where it has a value."""
    if not said or row.value is None:
        return row
    return replace(row, note=clean("; ".join(filter(None, (row.note, said)))))


def _numbers(arrays: Mapping[str, np.ndarray]) -> Iterator[tuple[str, np.ndarray]]:
    """Copies of the arrays by name. Raises TypeError for one that holds anything but numbers and text, or whose name is
    no word."""
    for name, given in arrays.items():
        if not isinstance(name, str) or not ARRAY.fullmatch(name):
            raise TypeError(f"an array is named {clean(repr(name))}; letters, digits, blanks and ./_=+- are allowed")
        array = np.array(given)
        if array.dtype.kind not in archives.KINDS:
            holds = "objects" if array.dtype.hasobject else array.dtype
            raise TypeError(f"array {name!r} holds {holds}; real numbers or text are wanted")
        yield str(name), array


def failed(case: Case, note: str) -> Row:
    """The one row of a case that gave no number, and why."""
    return Row(quantity_of(case), None, status="failed", note=clean(note))


def quantity_of(case: Case) -> str:
    """What the one row of a case without numbers stands for."""
    if isinstance(case.method, Index):
        return "similarity"
    return "r2" if case.setting.dataset.regression else "accuracy"
