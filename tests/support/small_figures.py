"""Figures and rankings of runs that cost nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from simbench.report import still
from simbench.results import figures, folder
from simbench.statistics.correlate import Correlations, correlate
from simbench.statistics.leaderboard import Leaderboard, leaderboard


@contextlib.contextmanager
def empty_figures() -> Iterator[None]:
    """Figures of runs are made, but saved as empty files, and pages have no still pictures."""

    def save(figure: object, where: Path, name: str, stamp: str) -> None:
        where.mkdir(exist_ok=True)
        for path in figures.files(where, name):
            path.write_text(stamp)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "save", save)
        patch.setattr(still, "picture", lambda draw, names=(): "data:,")
        yield


@contextlib.contextmanager
def empty_rankings() -> Iterator[None]:
    """Correlations and leaderboards of runs are tables without rows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folder, "correlate", _no_correlations)
        patch.setattr(folder, "leaderboard", _no_leaderboard)
        yield


#: What is made once of no measurements: correlations, and leaderboards by their columns.
_EMPTY: dict[tuple[str, ...], object] = {}


def _no_correlations(measurements: pd.DataFrame, methods: pd.DataFrame, *_: object) -> Correlations:
    if () not in _EMPTY:
        _EMPTY[()] = correlate(measurements.head(0), methods.head(0))
    return _EMPTY[()]


def _no_leaderboard(correlations, methods, measurements, declared, *ranked_by: str) -> Leaderboard:
    key = (*ranked_by, *declared)
    if key not in _EMPTY:
        _EMPTY[key] = leaderboard(correlations, methods, measurements.head(0), declared, *ranked_by)
    return _EMPTY[key]
