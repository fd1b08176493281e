"""Fixtures that several test files share."""

from __future__ import annotations

import os

# Read by OpenMP as torch is loaded, also in the processes that tests start. Small work is faster on one thread, and
# leaves the other core to another worker; threads that wait must not keep a core busy. OMP_NUM_THREADS asks for more:
# sums are then made of other parts.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import fcntl
import gc
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

import simbench

if TYPE_CHECKING:
    from simbench.contracts.selection import Selection

# Every worker, and every program that a test starts, would compile all modules anew.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# What needs torch is imported in the fixtures: the process that starts the workers runs no test.

#: The same examples in every run: a suite that is green today is green tomorrow.
hypothesis.settings.register_profile("steady", derandomize=True)
hypothesis.settings.load_profile("steady")


#: Files that take longest, in seconds of a processor: workers begin with them, so that none is left with a long file at
#: the end. A file that is not named is short.
LONG = (
    "cli/test_running",
    "runs/test_company",
    "publishing/test_publication",
    "check/test_builtins",
    "runs/test_driver",
    "runs/test_panels",
    "runs/test_plan",
    "plugins/experiments/test_sparsity",
    "cli/test_reporting",
    "plugins/indices/test_undefined",
    "runs/test_across",
    "plugins/experiments/test_cross_dataset",
    "networks/test_weights",
    "plugins/indices/test_cka",
    "runs/planning/test_forecast",
    "boards/test_compare",
    "runs/executors/test_remote",
    "plugins/indices/test_precision",
    "report/test_heat",
    "statistics/test_correlate",
    "plugins/experiments/cka_penalty/test_training",
    "plugins/stitchers/test_task_loss_options",
    "results/segments/test_damage",
    "plugins/indices/test_neighbours",
    "plugins/indices/test_shapes",
    "plugins/experiments/test_width",
    "runs/test_whole",
    "comparison/test_samples",
)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """The garbage collector leaves alone what is collected here: thousands of tests and all modules, which stay."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def turn(item: pytest.Item) -> int:
        name = item.path.relative_to(Path(__file__).parent).with_suffix("").as_posix()
        return LONG.index(name) if name in LONG else len(LONG)

    items.sort(key=turn)


@pytest.fixture(scope="session")
def registry() -> simbench.Registry:
    """What is installed."""
    return simbench.load()


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], None]], Path]:
    """made_once(name, make): a folder that the first worker to ask has filled by make(folder), and all read."""

    def made_once(name: str, make: Callable[[Path], None]) -> Path:
        shared = tmp_path_factory.getbasetemp()
        if "PYTEST_XDIST_WORKER" in os.environ:  # each worker's folder lies in one of the session
            shared = shared.parent
        folder, done = shared / name, shared / f"{name}.done"
        with open(shared / f"{name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not done.exists():
                folder.mkdir(exist_ok=True)
                make(folder)
                done.touch()
        return folder

    return made_once


@pytest.fixture(scope="session")
def warm_cache(made_once, registry: simbench.Registry) -> Path:
    """A cache folder in which the first two default networks lie as if they had been trained here: those of the panel
    that comes with simbench."""
    import torch

    from simbench.networks import weights
    from simbench.networks.panels import built, read_panel

    model, dataset = registry.get("models", "tiny10"), registry.get("datasets", "digits")
    panel = registry.get("panels", "tiny10-digits-1")

    def make(folder: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SIMBENCH_CACHE", str(folder))
            file = read_panel(panel.file, panel.sha256)
            patch.setattr(weights, "train", lambda m, d, recipe, seed, device: built(file.network(m, d, seed), d))
            for seed in (0, 1):
                weights.trained(model, dataset, dataset.fingerprint(), seed)

    folder = made_once("cache", make)
    torch.manual_seed(0)
    return folder


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder of this test's own."""
    monkeypatch.setenv("SIMBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def warm(warm_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This test uses the warm cache."""
    monkeypatch.setenv("SIMBENCH_CACHE", str(warm_cache))
    return warm_cache


@pytest.fixture(scope="session")
def small_registry() -> simbench.Registry:
    """What is installed, with `blobs` and `net`."""
    from small_plugins import SmallPlugins

    return simbench.load([SmallPlugins()])


@pytest.fixture(scope="session")
def small(small_registry: simbench.Registry, tmp_path_factory: pytest.TempPathFactory, one_thread) -> Selection:
    """Two trained `net` and a trained `net[width=4]` on `blobs`."""
    from small_networks import selection

    return selection(small_registry, tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def undrawn() -> Iterator[None]:
    """Figures of runs are made, but saved as empty files, and pages of runs have no still pictures: to draw them takes
    half the time of a small run."""
    from small_figures import empty_figures

    with empty_figures():
        yield


@pytest.fixture(scope="module")
def unranked() -> Iterator[None]:
    """Correlations and leaderboards of runs are tables without rows: to compute them takes a third of a small run."""
    from small_figures import empty_rankings

    with empty_rankings():
        yield


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """As many threads as OMP_NUM_THREADS says, one by default."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    yield
    torch.set_num_threads(before)
