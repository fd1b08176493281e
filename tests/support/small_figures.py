"""Figures that cost nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from simbench.report import still
from simbench.results import figures


@contextlib.contextmanager
def empty_figures() -> Iterator[None]:
    """Figures of runs are made, but saved as empty files, and pages have no still pictures."""

    def save(figure: object, folder: Path, name: str, stamp: str) -> None:
        folder.mkdir(exist_ok=True)
        for path in figures.files(folder, name):
            path.write_text(stamp)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "save", save)
        patch.setattr(still, "picture", lambda draw, names=(): "data:,")
        yield
