"""Cases that kill their process or take too long cost their own rows; what is measured apart is the same to the last
byte."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from multiprocessing import active_children
from pathlib import Path

import pytest
from deadly import Deadly, Unsure
from small_plugins import SmallPlugins
from small_requests import SMALL, go, table

import simbench
from simbench import InputError
from simbench.runs.job import prepare
from simbench.runs.units import units
from simbench.system.started import Started


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIMBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def registry(cache) -> simbench.Registry:
    return simbench.load([SmallPlugins(), Deadly()])


@pytest.fixture(scope="module")
def honest(registry, tmp_path_factory) -> bytes:
    """The table of a run in this process."""
    request = replace(SMALL, results=tmp_path_factory.mktemp("honest"))
    go(request, registry)
    return table(request)


def rows_of(outcome, name: str) -> list:
    return [(row.status, row.note) for case, row in outcome.rows if name in case.split()]


def mark(request, registry, name: str) -> None:
    """Leave the mark of a process that died of the first case of a method."""
    cases = (case for unit in units(prepare(request, registry)) for case in unit.cases)
    started = Started(request.results)
    started.begin(next(case.key for case in cases if case.method and case.method.name == name))
    os.close(started._file)


@pytest.mark.long
def test_every_case_apart_gives_the_same_bytes(request_, registry, honest):
    request = replace(request_, timeout=60.0)
    go(request, registry)
    assert table(request) == honest


@pytest.mark.long
def test_a_case_that_dies_or_takes_too_long_fails_alone(request_, registry, honest):
    request = replace(request_, indices=("cka,dies,exits,sleeps,r2_lr",), layers=("bn1",), timeout=1.0)
    outcome, said = go(request, registry)
    assert set(rows_of(outcome, "dies")) == {("failed", "crashed (signal 11, SIGSEGV)")}
    assert set(rows_of(outcome, "exits")) == {("failed", "crashed (exit code 0)")}
    assert set(rows_of(outcome, "sleeps")) == {("failed", "timed out after 1 s")}
    own = {line for line in table(request).splitlines() if not set(line.split(b",")) & {b"dies", b"exits", b"sleeps"}}
    assert own <= set(honest.splitlines()) and len(own) > 20
    assert sum(line.startswith("failed: ") for line in said) == 6


@pytest.mark.long
def test_what_a_process_died_of_is_measured_apart_by_the_next_run_and_by_those_after_it(request_, registry):
    """All cases of the method that crashed: this process lives, although nothing limits their time."""
    request = replace(request_, indices=("cka,dies",), stitchers=("identity",))
    go(replace(request, indices=("cka",)), registry)  # trains
    mark(request, registry, "dies")
    for _ in range(2):
        outcome, _ = go(request, registry)
        assert outcome.measured == 4 and set(rows_of(outcome, "dies")) == {("failed", "crashed (signal 11, SIGSEGV)")}
        assert set(rows_of(outcome, "cka")) == {("ok", "")}
        assert not (request.results / "started").exists()


@pytest.mark.long
def test_a_case_that_was_merely_under_way_gives_the_same_number(request_, registry, honest):
    go(replace(request_, indices=("cka",)), registry)
    mark(request_, registry, "r2_lr")
    go(request_, registry)
    assert table(request_) == honest and not (request_.results / "started").exists()


@pytest.mark.long
def test_a_case_that_crashed_and_is_mended_is_measured_again(request_, registry, monkeypatch):
    request = replace(request_, indices=("unsure",), stitchers=("identity",), layers=("bn1",), timeout=60.0)
    with monkeypatch.context() as patch:
        patch.setenv("SIMBENCH_TEST_DIES", "yes")
        assert set(rows_of(go(request, registry)[0], "unsure")) == {("failed", "crashed (exit code 7)")}
    assert set(rows_of(go(replace(request, timeout=None), registry)[0], "unsure")) == {("ok", "")}


def test_every_case_is_on_record_before_the_next_is_begun(request_, registry, monkeypatch):
    there, begin = [], Started.begin

    def counted(self, key):
        if self.folder.is_relative_to(request_.results):  # others are marks of the cache
            there.append(len(list(request_.results.rglob("records/*/*.json"))))
        begin(self, key)

    monkeypatch.setattr(Started, "begin", counted)
    outcome, _ = go(request_, registry)
    assert there == list(range(outcome.cases))


def test_a_class_of_a_notebook_is_sent_and_one_that_holds_a_lock_fails_alone(request_):
    class Local(Unsure):
        name = "local"

    class Locked(Unsure):
        name = "locked"

        def __init__(self):
            self.lock = threading.Lock()

    registry = simbench.load([SmallPlugins(), Local(), Locked()])
    request = replace(request_, indices=("local,locked",), stitchers=("identity",), layers=("bn1",), timeout=60.0)
    outcome, _ = go(request, registry)
    assert set(rows_of(outcome, "local")) == set(rows_of(outcome, "identity")) == {("ok", "")}
    ((status, note),) = set(rows_of(outcome, "locked"))
    assert status == "failed" and note.startswith("it cannot be measured in a process of its own: TypeError: ")


@pytest.mark.parametrize("timeout", [0, -1.0, float("nan"), float("inf")])
def test_a_limit_that_is_none_is_refused(request_, registry, timeout):
    with pytest.raises(InputError, match="--timeout is .*; a number of seconds above 0 is allowed"):
        prepare(replace(request_, timeout=timeout), registry)


@pytest.mark.long
def test_a_limit_holds_on_workers_too(request_, registry):
    """Of a pool: a case that dies takes no worker along."""
    request = replace(request_, indices=("cka,exits,sleeps",), layers=("bn1",), stitchers=("identity",), timeout=1.0)
    with ThreadPoolExecutor(1) as executor:
        outcome, _ = go(request, registry, executor)
    assert set(rows_of(outcome, "exits")) == {("failed", "crashed (exit code 0)")}
    assert set(rows_of(outcome, "sleeps")) == {("failed", "timed out after 1 s")}
    assert set(rows_of(outcome, "cka")) == {("ok", "")} and not active_children()


DYING = """
import os, sys
from dataclasses import replace
from pathlib import Path
import simbench
from deadly import Deadly
from small_plugins import SmallPlugins
from small_requests import SMALL, Silent
from simbench.runs.driver import run
from simbench.runs.job import prepare
registry = simbench.load([SmallPlugins(), Deadly()])
request = replace(SMALL, indices=("dies,cka,r2_lr",), results=Path(sys.argv[1]))
run(prepare(request, registry), registry, Silent())
"""


@pytest.mark.long
def test_a_native_crash_loses_one_case_and_the_same_command_ends_with_the_others(request_, registry, honest):
    support = str(Path(__file__).parents[1] / "support")
    dead = subprocess.run(
        [sys.executable, "-c", DYING, str(request_.results)], env=os.environ | {"PYTHONPATH": support}, check=False
    )
    assert dead.returncode == -signal.SIGSEGV and len(list((request_.results / "started").glob("*.started"))) == 1
    before = len(list(request_.results.rglob("records/*/*.json")))
    outcome, _ = go(replace(request_, indices=("dies,cka,r2_lr",)), registry)
    assert outcome.measured == outcome.cases - before
    assert set(rows_of(outcome, "dies")) == {("failed", "crashed (signal 11, SIGSEGV)")}
    assert [line for line in table(request_).splitlines() if b",dies," not in line] == honest.splitlines()
