"""An interval, drawn as text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class Marks:
    """What intervals are drawn with. beyond: from the noise ceiling on."""

    dot: str
    line: str
    low: str
    high: str
    zero: str
    beyond: str
    dash: str


LINES = Marks("●", "─", "├", "┤", "┊", "░", "–")
ASCII = Marks("o", "-", "|", "|", ":", "/", "-")


def interval(leader: Mapping, scope: str, start: float, width: int, marks: Marks) -> str:
    """A correlation and its interval on an axis from `start` to 1 of so many cells.

    >>> row = {"within": 0.5, "within_low": 0.0, "within_high": 0.8, "ceiling": 0.9}
    >>> interval(row, "within", -1, 21, ASCII)
    '          |----o--|//'
    """

    def at(value: float) -> int:
        return round((min(max(value, start), 1.0) - start) / (1 - start) * (width - 1))

    cells = [" "] * width
    cells[at(0)] = marks.zero
    value, low, high, ceiling = (leader.get(name) for name in (scope, f"{scope}_low", f"{scope}_high", "ceiling"))
    if scope == "within" and pd.notna(ceiling):
        cells[at(ceiling) :] = marks.beyond * (width - at(ceiling))
    if pd.isna(value):
        return "".join(cells)
    if pd.notna(low) and pd.notna(high):
        first, last = at(low), at(high)
        cells[first : last + 1] = marks.line * (last + 1 - first)
        cells[first], cells[last] = marks.low, marks.high
    cells[at(value)] = marks.dot
    return "".join(cells)
