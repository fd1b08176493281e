"""The command line, in this process or in one of its own, and one finished run that tests read."""

from __future__ import annotations

import functools
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import Done, apart, here
from small_figures import empty_figures

import simbench

#: Ten cases on the warm cache: two networks, one layer, two indices, two stitchers.
TINY = (
    "run",
    "--seeds",
    "2",
    "--layers",
    "bn8",
    "--stitchers",
    "identity,least_squares",
    "--indices",
    "cka,r2_lr",
    "--experiments",
    "matching",
    "--max-samples",
    "100",
)


@pytest.fixture(autouse=True)
def loaded_once(registry: simbench.Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands in this process find the plugins that are loaded already, unless the test has added a package."""
    path, load = list(sys.path), simbench.load
    monkeypatch.setattr("simbench.cli.installed.load", lambda: registry if sys.path == path else load())


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Done]:
    """call(*words): the command in this process, in an empty folder of the test's own."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return here


@pytest.fixture
def process(tmp_path: Path) -> Callable[..., Done]:
    """process(*words, VARIABLE=value): the command in a process of its own, in the test's folder."""
    return functools.partial(apart, tmp_path)


@pytest.fixture(scope="session")
def tiny() -> tuple[str, ...]:
    """The words of a run of ten cases."""
    return TINY


@pytest.fixture(scope="session")
def finished(warm_cache: Path, made_once, registry: simbench.Registry) -> Done:
    """TINY, finished in `folder` with empty figures: to be read only."""

    def make(folder: Path) -> None:
        (folder / "work").mkdir()
        with pytest.MonkeyPatch.context() as patch, empty_figures():
            patch.setenv("SIMBENCH_CACHE", str(warm_cache))
            patch.setattr("simbench.cli.installed.load", lambda: registry)
            patch.chdir(folder / "work")
            done = here(*TINY)
        (folder / "done.json").write_text(json.dumps([done.code, done.out, done.err]))

    folder = made_once("finished", make)
    return Done(*json.loads((folder / "done.json").read_text()), folder / "work")


@pytest.fixture(scope="session")
def known(finished: Done, warm_cache: Path) -> Done:
    """`finished`, whose architectures are cached, so that a process that goes on from it needs no torch.

    By a process of its own: one that has imported a module written since it began, as tests do, caches no architecture.
    """
    shutil.copytree(finished.folder, finished.folder.with_name("known"), dirs_exist_ok=True)
    done = apart(finished.folder.with_name("known"), *TINY, SIMBENCH_CACHE=str(warm_cache))
    assert done.code == 0
    return finished


@pytest.fixture
def package(tmp_path: Path) -> Callable[..., Path]:
    """package(name, code): an installed package with one plugin module of that code; its folder goes on sys.path."""

    def package(name: str, code: str) -> Path:
        site = tmp_path / f"site-{name}"
        (site / f"{name}-1.2.dist-info").mkdir(parents=True)
        (site / f"{name}_plugin.py").write_text(code)
        (site / f"{name}-1.2.dist-info" / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
        (site / f"{name}-1.2.dist-info" / "entry_points.txt").write_text(f"[simbench]\n{name} = {name}_plugin\n")
        return site

    return package
