"""A small finished run on the panel that comes with simbench, and copies of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import simbench
from simbench.results.store import Record, Store


@pytest.fixture(scope="module", autouse=True)
def no_figures(undrawn):
    """Figures of runs are files all the same."""


@pytest.fixture(scope="session")
def finished(made_once) -> Path:
    """A results folder that no test changes."""

    def make(folder: Path) -> None:
        simbench.run(
            seeds=2,
            layers="bn8",
            max_samples=60,
            experiments="matching",
            indices="cka,r2_lr",
            stitchers="identity,least_squares",
            results=folder,
            command="simbench run --seeds 2",
        )

    # one for each process of the tests: publishing derives the tables of a run anew, and they are away for a moment
    return made_once(f"publishable{os.environ.get('PYTEST_XDIST_WORKER', '')}", make)


@pytest.fixture
def copy(finished, tmp_path) -> Callable[..., Path]:
    """copy(name, change): a copy of the run whose records are what `change` makes of them; None leaves one out."""

    def copy(name: str, change: Callable[[Record], Record | None] = lambda record: record) -> Path:
        folder = tmp_path / name
        shutil.copytree(finished, folder)
        store = Store(folder)
        for record in store.read().records.values():
            changed = change(record)
            if changed is None:
                store.file(record.key).unlink()
            elif changed is not record:
                store.put(changed, store.arrays(record) if record.arrays else None)
        return folder

    return copy
