"""A unit of work: cases that share forward passes."""

from __future__ import annotations

from dataclasses import dataclass

from simbench.contracts.case import Case
from simbench.contracts.selection import Selection


@dataclass(frozen=True)
class Unit:
    """Cases that share forward passes, submitted to an executor together. Plain data."""

    selection: Selection
    device: str
    memory: int
    cases: tuple[Case, ...]
