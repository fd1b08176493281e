"""Units on workers: lost ones are measured again, refused workers left out, and nothing is measured twice."""

from __future__ import annotations

from dataclasses import replace

import pytest
from deadly import Deadly
from flaky_workers import Flaky
from small_plugins import SmallPlugins
from small_requests import SMALL, Silent, go, table

import simbench
from simbench import InputError
from simbench.contracts.selection import Network
from simbench.runs.driver import run
from simbench.runs.job import prepare


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


def failures(outcome) -> set[str]:
    return {row.note for _, row in outcome.rows if row.status == "failed"}


@pytest.mark.long
def test_a_unit_that_lost_its_worker_is_measured_again_case_by_case_in_a_process_beside(request_, registry, honest):
    flaky = Flaky(loses=lambda unit, number: number == 3)
    outcome, said = go(request_, registry, flaky)
    lost, _ = flaky.opened.given[2]
    again = [(unit.cases, terms.apart) for unit, terms in flaky.opened.given[3:] if terms.apart]
    assert again == [((case,), True) for case in lost.cases] and len(again) > 1
    assert table(request_) == honest and not failures(outcome)
    assert next(line for line in said if "lost: " in line).endswith("one: its machine burnt down; it is measured again")


def test_a_case_that_costs_every_worker_fails_alone(request_, registry, honest):
    def loses(unit, number):
        return any(case.method and case.method.name == "dies" for case in unit.cases)

    request = replace(request_, indices=("cka,dies,r2_lr",), layers=("bn1",), stitchers=("identity",))
    flaky = Flaky(loses=loses)
    outcome, said = go(request, registry, flaky)
    assert failures(outcome) == {"lost 4 times: WorkerLost: one: its machine burnt down"}
    assert {name.split()[1] for name, row in outcome.rows if row.status == "failed"} == {"dies"}
    assert {line for line in table(request).splitlines() if b",dies," not in line} <= set(honest.splitlines())
    assert sum("measured again" in line for line in said) == 2 * 3 and len(flaky.opened.given) == 2 + 2 * (1 + 4 + 2)


def test_what_a_worker_raises_costs_the_unit_and_is_not_tried_again(request_, registry, honest):
    def full(unit, number):
        raise OSError(28, "No space left on device")

    flaky = Flaky(fails=full)
    outcome, _ = go(replace(request_, layers=("bn1",)), registry, flaky)
    assert (
        failures(outcome) == {"it cannot be measured on one: OSError: [Errno 28] No space left on device"}
        and len(flaky.opened.given) == 4
    )


def test_a_case_that_another_run_has_recorded_meanwhile_is_taken_from_there(request_, registry, honest):
    job = prepare(request_, registry)
    go(request_, registry)
    flaky = Flaky()
    outcome = run(job, registry, Silent(), executor=flaky)
    assert outcome.measured == 0 and not flaky.opened.given and len(outcome.rows) > outcome.cases > 0
    forced = prepare(replace(request_, force=True), registry)
    assert run(forced, registry, Silent(), executor=Flaky()).measured == outcome.cases


def test_a_failed_record_of_another_run_is_measured_again(request_, registry):
    request = replace(request_, indices=("raises",), stitchers=("identity",), layers=("bn1",))

    class Once(simbench.Index):
        name, source, fails = "raises", "made by the tests", True
        claims = simbench.Claims(range=(float("-inf"), float("inf")))

        def from_moments(self, m):
            if type(self).fails:
                raise RuntimeError("no")
            return m.ab.sum()

    here = simbench.load([SmallPlugins(), Once()])
    job = prepare(request, here)
    go(request, here)
    Once.fails = False
    outcome = run(job, here, Silent(), executor=Flaky())
    assert outcome.measured == 2 and not failures(outcome)


def test_a_worker_of_another_installation_is_left_out_with_the_difference(request_, registry, honest):
    outcome, said = go(request_, registry, Flaky(names=("old", "new")))
    line = "worker old is left out: torch is 2.11.0 here and 2.10.0 on the worker; install the same"
    assert said.count(line) == 1 and table(request_) == honest and not failures(outcome)


def test_without_another_worker_the_difference_ends_the_run(request_, registry):
    with pytest.raises(InputError, match="no worker can be used: torch is 2.11.0 here and 2.10.0 on the worker"):
        go(request_, registry, Flaky(names=("old",)))
    assert not list(request_.results.rglob("records/*/*.json"))


def test_networks_are_trained_on_workers_and_come_to_the_cache(request_, registry, honest, tmp_path, monkeypatch):
    monkeypatch.setenv("SIMBENCH_CACHE", str(tmp_path / "empty"))
    flaky = Flaky()
    outcome, said = go(request_, registry, flaky)
    assert outcome.trained == 2 and {"trained net-0 on blobs", "trained net-1 on blobs"} <= set(said)
    trained = [work for work, _ in flaky.opened.given if isinstance(work, tuple) and isinstance(work[0], Network)]
    assert len(trained) == 2 and table(request_) == honest
    assert len(list((tmp_path / "empty" / "weights").glob("*.pt"))) == 2


def test_a_training_that_diverges_is_reported_as_here_after_the_others(request_, tmp_path, monkeypatch):
    class Wild(type(SmallPlugins().simbench_models()[0])):
        name = "wild"

        def recipe(self, dataset):
            return replace(super().recipe(dataset), learning_rate=1e30)

    registry = simbench.load([SmallPlugins(), Wild()])
    request = replace(request_, models=("wild,net",))
    for results, executor in (("here", None), ("there", Flaky())):
        monkeypatch.setenv("SIMBENCH_CACHE", str(tmp_path / results / "cache"))
        with pytest.raises(InputError, match="wild-0 on blobs: training diverged, .* holds NaN or infinite"):
            go(replace(request, results=tmp_path / results / "results"), registry, executor)
    assert len(list((tmp_path / "there" / "cache" / "weights").glob("*.pt"))) == 2, "those of net"


def test_what_is_no_executor_is_refused(request_, registry):
    with pytest.raises(InputError, match="executor is int; a name such as 'local.workers=2.'"):
        go(request_, registry, 3)
