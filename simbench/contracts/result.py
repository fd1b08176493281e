"""Results of a case: rows of numbers, and arrays that are stored beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy


@dataclass(frozen=True)
class Row:
    """One measured number of a case. status: ok, degenerate, skipped or failed; each but ok has a note."""

    quantity: str
    value: float | None
    step: int | None = None
    status: str = "ok"
    note: str = ""


@dataclass(frozen=True, eq=False)
class Result:
    """The result of a case: rows, and arrays by name that are stored beside its record, for the figure."""

    rows: Sequence[Row]
    arrays: Mapping[str, numpy.ndarray] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Kept:
    """The stored arrays of one case. labels: the columns of measurements.csv that name the case."""

    labels: dict[str, Any]
    arrays: Mapping[str, numpy.ndarray]
