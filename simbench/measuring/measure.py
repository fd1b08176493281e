"""Measuring: a case and its bench -> rows and arrays. Receives objects, never the registry."""

from __future__ import annotations

import math
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from simbench.contracts import Index, Result, Row
from simbench.contracts.case import Case
from simbench.errors import Inapplicable, Undefined
from simbench.isolation.copies import handed
from simbench.isolation.loans import Loan
from simbench.measuring.bench import Workbench
from simbench.measuring.window import Window
from simbench.system.surroundings import abroad, known, seed_of


@dataclass(frozen=True)
class Measured:
    """What measuring a case gave. samples: images it was measured on. error: traceback of a failed case. arrays:
    what the experiment's figure needs beside the rows."""

    case: Case
    rows: tuple[Row, ...]
    samples: int
    seconds: float
    error: str = ""
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)


def measure(case: Case, bench: Workbench) -> Measured:
    """Run one case, in surroundings that depend on its key alone and are put back. Whatever a plugin raises becomes a
    row `failed`; only an interruption gets through."""
    start, error, samples, arrays = time.perf_counter(), "", 0, {}
    try:
        with known(_seed(case)):
            samples = bench.samples(case)
            rows, arrays = _run(case, bench)
            said = bench.alignment(case) if rows else ""
        found = [_noted(_plain(row), said) for row in rows]
    except Inapplicable as reason:
        found = [Row(_quantity(case), None, status="skipped", note=str(reason))]
    except Undefined as reason:
        found = [Row(_quantity(case), None, status="degenerate", note=str(reason))]
    except Exception as exception:
        note = " ".join(str(exception).split()) or "no message"
        found = [Row(_quantity(case), None, status="failed", note=f"{type(exception).__name__}: {note}")]
        error = traceback.format_exc()
    return Measured(case, tuple(found), samples, time.perf_counter() - start, error, arrays)


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
        return list(result.rows), {name: np.array(array) for name, array in result.arrays.items()}


def _plain(row: Row) -> Row:
    """The row with its value as a Python number; raises ArithmeticError when it is not finite."""
    value = row.value if row.value is None else float(row.value)
    if value is not None and not math.isfinite(value):
        raise ArithmeticError(f"{row.quantity} is {value}")
    return replace(row, value=value)


def _noted(row: Row, said: str) -> Row:
    """The row with what was done so that a and b pair, where it has a value."""
    if not said or row.value is None:
        return row
    return replace(row, note="; ".join(filter(None, (row.note, said))))


def _quantity(case: Case) -> str:
    """What the one row of a case without numbers stands for."""
    return "similarity" if isinstance(case.method, Index) else "accuracy"
