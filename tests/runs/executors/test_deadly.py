"""Cases that kill their worker or take too long fail alone, on processes of this machine and on a Dask cluster."""

from __future__ import annotations

from dataclasses import replace

import pytest
from deadly import Deadly
from small_plugins import SmallPlugins
from small_requests import SMALL, go, table

import simbench

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIMBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield simbench.load([SmallPlugins(), Deadly()])


@pytest.fixture(scope="module")
def honest(registry, tmp_path_factory) -> bytes:
    """The table of a run in this process."""
    request = replace(SMALL, layers=("bn1",), results=tmp_path_factory.mktemp("honest"))
    go(request, registry)
    return table(request)


def notes(outcome, name: str) -> set:
    return {(row.status, row.note) for case, row in outcome.rows if name in case.split()}


@pytest.mark.parametrize(
    ("spec", "timeout"), [("local[workers=2]", None), ("local[workers=2]", 3.0), ("dask[workers=2]", 3.0)]
)
def test_what_dies_or_hangs_fails_alone(registry, honest, tmp_path, spec, timeout):
    """On a Dask cluster, cases are measured in a process beside the worker's with or without a timeout."""
    hangs = ("sleeps",) if timeout else ()
    names = ("cka", "dies", "exits", *hangs, "r2_lr")
    request = replace(SMALL, layers=("bn1",), indices=names, timeout=timeout, results=tmp_path / "results")
    outcome, said = go(request, registry, registry.get("executors", spec))
    assert notes(outcome, "dies") == {("failed", "crashed (signal 11, SIGSEGV)")}
    assert notes(outcome, "exits") == {("failed", "crashed (exit code 0)")}
    assert notes(outcome, "sleeps") == ({("failed", "timed out after 3 s")} if hangs else set())
    deadly = {b"dies", b"exits", b"sleeps"}
    own = [line for line in table(request).splitlines() if not set(line.split(b",")) & deadly]
    assert own == honest.splitlines()
    lost = [line for line in said if "is measured again" in line]
    assert len(lost) <= 2 if spec.startswith("local") else not lost
