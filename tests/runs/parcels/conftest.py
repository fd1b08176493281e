"""Units of the installed panel and of networks in files, and a worker in another process."""

from __future__ import annotations

from pathlib import Path

import pytest
from elsewhere import Elsewhere
from small_networks import case

import simbench
from simbench.contracts.selection import Selection
from simbench.runs.job import prepare
from simbench.runs.request import Request
from simbench.runs.unit import Unit
from simbench.runs.units import units


@pytest.fixture(scope="session")
def elsewhere(tmp_path_factory):
    worker = Elsewhere(tmp_path_factory.mktemp("worker") / "folder")
    yield worker
    worker.close()


@pytest.fixture(scope="session")
def panel_units(registry, tmp_path_factory) -> list[Unit]:
    """Of two networks of the installed panel: accuracies, two indices and a stitcher at one layer."""
    folder = tmp_path_factory.mktemp("panel")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIMBENCH_CACHE", str(folder / "cache"))
        request = Request(
            experiments=("matching",),
            seeds="2",
            layers=("bn8",),
            indices=("cka,r2_lr",),
            stitchers=("least_squares",),
            max_samples=200,
            results=folder / "results",
        )
        return list(units(prepare(request, registry)))


@pytest.fixture(scope="session")
def methods(registry) -> list[simbench.Plugin]:
    return [registry.get("indices", "cka"), registry.get("stitchers", "identity")]


@pytest.fixture
def made(small: Selection, methods, cache: Path):
    """made(selection): a unit of the cases of both methods on the first two networks of a selection."""

    def made(selection: Selection = small, *more: simbench.Plugin) -> Unit:
        cases = tuple(case(selection, method) for method in (*methods, *more))
        return Unit(selection, "cpu", 2**28, cases)

    return made
