"""The checks of executors: one that keeps its contract passes, and each mistake fails the check that is about it."""

from __future__ import annotations

import os
import time
from concurrent.futures import Future
from contextlib import contextmanager
from multiprocessing import get_context

import pytest

from simbench import Executor, InputError, WorkerLost, Workers
from simbench.check import checks


class Inline(Workers):
    """Tasks are done as they are submitted; the end of the process is only told."""

    def __init__(self):
        super().__init__(None, 2)

    def submit(self, call, /, *args, to=""):
        future: Future = Future()
        if call is os._exit:
            future.set_exception(WorkerLost("one", "it ended"))
        elif call is not time.sleep:
            try:
                future.set_result(call(*args))
            except Exception as error:
                future.set_exception(error)
        return future

    def result(self, future):
        return future.result()


class Of(Executor):
    name, source = "of", "made by the tests"

    def __init__(self, workers):
        self.workers = workers

    @contextmanager
    def open(self, need):
        if isinstance(self.workers, Exception):
            raise self.workers
        yield self.workers


def outcomes(executor) -> dict[str, tuple[str, str]]:
    found = {check.name: check.run() for check in checks(executor)}
    return {name: (outcome.status, outcome.reason) for name, outcome in found.items()}


def failing(executor) -> dict[str, str]:
    return {name: reason for name, (status, reason) in outcomes(executor).items() if status == "failed"}


def test_one_that_keeps_its_contract_passes():
    found = outcomes(Of(Inline()))
    assert {status for status, _ in found.values()} == {"passed"}
    assert list(found) == ["contract", "results", "errors", "death", "end"]


def test_results_of_other_tasks_are_found():
    class Mixed(Inline):
        def submit(self, call, /, *args, to=""):
            return super().submit(call, *args[:1], 3, to=to) if call is divmod else super().submit(call, *args)

    assert failing(Of(Mixed())).keys() == {"results", "errors", "death"}
    assert failing(Of(Mixed()))["results"] == "divmod(100, 1) returned (33, 1)"


def test_errors_that_are_swallowed_are_found():
    class Silent(Inline):
        def result(self, future):
            return future.result() if not isinstance(future.exception(), ZeroDivisionError) else None

    assert failing(Of(Silent())) == {"errors": "a task raised ZeroDivisionError; its result is None"}


def test_a_death_that_is_not_told_is_found():
    class Deathless(Inline):
        def result(self, future):
            return None if isinstance(future.exception(), WorkerLost) else future.result()

    assert failing(Of(Deathless())) == {"death": "the process of a task ended; its result is None"}


@pytest.mark.parametrize(
    ("slots", "reason"),
    [
        ({}, "there is no worker"),
        ({"a": 0}, "worker 'a' has 0 places; 1 or more are wanted"),
        ({3: 1}, "the name of a worker is 3; text is wanted"),
    ],
)
def test_workers_without_places_are_found(slots, reason):
    class Placeless(Inline):
        @property
        def slots(self):
            return slots

    (contract, *_) = checks(Of(Placeless()))
    assert (contract.run().status, contract.run().reason) == ("failed", reason)


def test_processes_that_are_left_are_found():
    class Littering(Of):
        @contextmanager
        def open(self, need):
            self.left = get_context("spawn").Process(target=time.sleep, args=(60,), name="litter")
            self.left.start()
            yield Inline()

    executor = Littering(None)
    end = list(checks(executor))[-1].run()
    executor.left.kill()
    executor.left.join()
    assert (end.status, end.reason) == ("failed", "processes are left: litter")


def test_what_cannot_be_opened_or_works_here_is_skipped():
    assert set(outcomes(Of(InputError("no scheduler"))).values()) == {
        ("skipped", "it cannot be opened here: no scheduler")
    }
    ((status, reason),) = set(outcomes(Of(None)).values())
    assert status == "skipped" and reason.startswith("it works in this process")


@pytest.mark.cluster
@pytest.mark.parametrize("spec", ["local[workers=2]", "dask[workers=2]"])
def test_the_executors_of_simbench_keep_their_contract(registry, spec):
    found = outcomes(registry.get("executors", spec))
    assert {status for status, _ in found.values()} == {"passed"}, found
