"""Figures and rankings of runs that cost nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from simbench.report import still
from simbench.results import figures, folder


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
    correlate, leaderboard = folder.correlate, folder.leaderboard

    def nothing(measurements, methods, *_):
        return correlate(measurements.head(0), methods.head(0))

    def none_first(correlations, methods, measurements, *rest):
        return leaderboard(correlations, methods, measurements.head(0), *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folder, "correlate", nothing)
        patch.setattr(folder, "leaderboard", none_first)
        yield
