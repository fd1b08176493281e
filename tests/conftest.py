"""Fixtures that several test files share."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest
from small_networks import selection
from small_plugins import SmallPlugins

import simbench
from simbench.contracts import Recipe
from simbench.contracts.selection import Selection
from simbench.networks import weights

#: The same examples in every run: a suite that is green today is green tomorrow.
hypothesis.settings.register_profile("steady", derandomize=True)
hypothesis.settings.load_profile("steady")


@pytest.fixture(scope="session")
def registry() -> simbench.Registry:
    """What is installed."""
    return simbench.load()


@pytest.fixture(scope="session")
def warm_cache(tmp_path_factory: pytest.TempPathFactory, registry: simbench.Registry) -> Path:
    """A cache folder in which the first two default networks lie, trained for one epoch in place of eight."""
    import torch

    folder = tmp_path_factory.mktemp("cache")
    model, dataset = registry.get("models", "tiny10"), registry.get("datasets", "digits")
    short = Recipe(epochs=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIMBENCH_CACHE", str(folder))
        whole = weights.train
        patch.setattr(weights, "train", lambda m, d, recipe, seed, device: whole(m, d, short, seed, device))
        for seed in (0, 1):
            weights.trained(model, dataset, dataset.fingerprint(), seed)
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
    return simbench.load([SmallPlugins()])


@pytest.fixture(scope="session")
def small(small_registry: simbench.Registry, tmp_path_factory: pytest.TempPathFactory, one_thread) -> Selection:
    """Two trained `net` and a trained `net[width=4]` on `blobs`."""
    return selection(small_registry, tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Small work is faster on one thread, and leaves the other core to another worker. OMP_NUM_THREADS asks for more:
    sums are then made of other parts."""
    import torch

    before = torch.get_num_threads()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    yield
    torch.set_num_threads(before)
