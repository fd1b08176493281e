"""One column of a CSV: its name, type and meaning."""

from __future__ import annotations

from typing import NamedTuple

#: Type -> dtype in pandas. Text is '' where empty; the other types hold a missing value there.
DTYPES = {"text": str, "whole": "Int64", "number": "float64", "boolean": "boolean"}


class Column(NamedTuple):
    """type: a key of DTYPES. meaning: one line, without a full stop."""

    type: str
    meaning: str


def table(text: str) -> dict[str, Column]:
    """A table from lines `name: type: meaning`; an indented line continues the one before."""
    parts = (line.split(": ", 2) for line in text.strip().replace("\n    ", " ").splitlines())
    return {name: Column(kind, meaning) for name, kind, meaning in parts}
