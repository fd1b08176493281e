"""Whoever is killed on a Dask cluster while a run measures there: it loses a unit at most, and no number changes."""

from __future__ import annotations

import os
import signal
from dataclasses import replace

import pytest

pytest.importorskip("distributed")

import psutil
from dask_machines import Machines, until
from distributed import Client
from small_plugins import SmallPlugins
from small_requests import SMALL, Silent, go, table

import simbench
from simbench.results import folder as publish
from simbench.results.store import Store
from simbench.runs.driver import run
from simbench.runs.job import prepare

pytestmark = pytest.mark.cluster


class Blow(Silent):
    """Progress that strikes once, when the first unit is done and others are under way."""

    def __init__(self, strike):
        super().__init__()
        self.strike = strike

    def advance(self, done, what):
        super().advance(done, what)
        if " case" in what and self.strike:
            strike, self.strike = self.strike, None
            strike()


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIMBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield simbench.load([SmallPlugins()])


@pytest.fixture(scope="module")
def honest(registry, tmp_path_factory) -> bytes:
    """The table of a run in this process, which trains the networks."""
    request = replace(SMALL, results=tmp_path_factory.mktemp("honest"))
    go(request, registry)
    return table(request)


@pytest.fixture(scope="module")
def machines(tmp_path_factory):
    started = Machines(tmp_path_factory.mktemp("machines"))
    try:
        yield started
    finally:
        started.end()


def struck(request, registry, machines, strike) -> list[str]:
    """Run while something is struck; what the run said."""
    progress = Blow(strike)
    executor = registry.get("executors", f"dask[address={machines.address}]")
    run(prepare(request, registry), registry, progress, executor=executor)
    publish.publish(Store(request.results).read(), request.results)
    assert progress.strike is None
    return progress.said


def kill_workers(machines, number: int) -> None:
    for pid in list(machines.workers().values())[:number]:
        os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize(("number", "most"), [(1, 1), (2, 4)])
def test_killed_workers_cost_a_unit_each_and_weights_travel(registry, honest, machines, tmp_path, number, most):
    """Their cache is empty at first, and their folder another one. Where both die, what the first had may be handed to
    the second before its death is known."""
    machines.mend()
    request = replace(SMALL, results=tmp_path / "results")
    said = struck(request, registry, machines, lambda: kill_workers(machines, number))
    assert table(request) == honest
    lost = [line for line in said if "is measured again" in line]
    assert 1 <= len(lost) <= most
    assert all("its process died" in line or "it left the cluster" in line for line in lost)
    assert list((machines.cache / "parcels").iterdir())


def test_a_killed_nanny_takes_its_worker_along_and_the_other_goes_on(registry, honest, machines, tmp_path):
    machines.mend()
    request = replace(SMALL, results=tmp_path / "results")
    struck(request, registry, machines, machines.nannies[0].kill)
    assert table(request) == honest


def test_an_interrupted_run_leaves_nothing_under_way(registry, honest, machines, tmp_path):
    machines.mend()

    def interrupt():
        raise KeyboardInterrupt

    request = replace(SMALL, results=tmp_path / "results")
    with pytest.raises(KeyboardInterrupt):
        struck(request, registry, machines, interrupt)
    with Client(machines.address, set_as_default=False) as client:
        until(lambda: not any(client.processing().values()), 60)
    until(lambda: not processes_beside(machines), 60)
    go(request, registry)
    assert table(request) == honest


def processes_beside(machines) -> list:
    """Those that measure cases: children of the server of forks of each worker."""
    servers = [child for pid in machines.workers().values() for child in psutil.Process(pid).children()]
    return [child for server in servers for child in server.children()]
