"""The figures of what is published or merged."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from simbench.contracts import Experiment
from simbench.errors import InputError
from simbench.registry import Registry
from simbench.results import folder as tables
from simbench.results import frames
from simbench.results.store import Contents, Store


def draw(contents: Contents, folder: Path, registry: Registry, store: Store | None = None) -> dict[str, str]:
    """Draw the figures of the installed experiments that measured something into `folder`/figures, unless they are
    there. store: of the records, by default that of `folder`. Returns experiment -> reason for each that could not be
    drawn."""
    return tables.draw(contents, folder, _experiments(contents, registry), store=store)[1]


def _experiments(contents: Contents, registry: Registry) -> Iterator[Experiment]:
    for spec in frames.of(contents.records).coded("experiment")[1]:
        with suppress(InputError):
            yield registry.get("experiments", spec)
