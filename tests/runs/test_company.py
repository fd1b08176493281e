"""A number is a function of its case alone: to the last bit the same in whatever order, company, pieces and memory."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from simbench.results import folder as publish
from simbench.results.store import Store
from simbench.runs.driver import run
from simbench.runs.job import prepare
from simbench.runs.plan import plan
from simbench.runs.progress import Silent
from simbench.runs.request import Request
from simbench.runs.resolved import resolve

WHOLE = Request(
    experiments=("matching", "cka_penalty[networks=1,epochs=1,every=4,pairs=2]", "low_rank[ranks=2,pairs=2]"),
    models=("net", "net[width=4]"),
    datasets=("blobs",),
    seeds="2,10",
    layers=("bn1,conv2",),
    view=("spatial,flat",),
    indices=("cka,cka[estimator=debiased],r2_lr,pwcca",),
    stitchers=("identity,least_squares,task_loss[epochs=1,init=identity]",),
    max_samples=40,
)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIMBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def measured(small_registry, tmp_path_factory, cache):
    """What requests give, one after the other in one results folder: key -> (name, value, status, step) of its rows."""

    def go(*requests: Request, memory: int = 2**30) -> dict[str, list]:
        folder = tmp_path_factory.mktemp("results")
        for request in requests:
            job = prepare(replace(request, results=folder), small_registry)
            run(replace(job, resolved=replace(job.resolved, memory=memory)), small_registry, Silent())
        return {
            key: [(row.quantity, row.step, row.status, row.value) for row in record.rows]
            for key, record in Store(folder).read().records.items()
        }

    return go


@pytest.fixture(scope="module")
def whole(measured):
    return measured(WHOLE)


REVERSED = replace(
    WHOLE,
    experiments=WHOLE.experiments[::-1],
    models=WHOLE.models[::-1],
    seeds="10,2",
    layers=("conv2,bn1",),
    view=("flat,spatial",),
    indices=("pwcca,r2_lr,cka[estimator=debiased],cka",),
    stitchers=("task_loss[epochs=1,init=identity],least_squares,identity",),
)


@pytest.mark.long
def test_the_run_is_of_every_kind(whole):
    """Indices in three views, direct stitches and trained ones, with other networks and with themselves."""
    rows = [row for rows in whole.values() for row in rows]
    assert {status for _, _, status, _ in rows} >= {"ok", "skipped"} and len(rows) > 500
    assert not any(status == "failed" for _, _, status, _ in rows)


@pytest.mark.parametrize(
    "requests, memory",
    [
        pytest.param([REVERSED], 2**30, id="in another order", marks=pytest.mark.long),
        pytest.param(
            [
                replace(WHOLE, models=WHOLE.models[:1]),
                replace(WHOLE, seeds="10,", indices=("pwcca",)),
                replace(WHOLE, stitchers=("identity",), layers=("conv2",)),
                WHOLE,
            ],
            2**30,
            id="in pieces",
            marks=pytest.mark.long,
        ),
        pytest.param([WHOLE], 0, id="with nothing held", marks=pytest.mark.long),
        pytest.param([REVERSED], 200_000, id="in another order with some activations held", marks=pytest.mark.long),
    ],
)
def test_every_record_is_the_same(whole, measured, requests, memory):
    found = measured(*requests, memory=memory)
    assert {key: rows for key, rows in found.items() if key in whole and rows != whole[key]} == {}
    assert set(whole) <= set(found)


@pytest.mark.long
def test_what_is_published_without_training_is_the_same_on_two_threads(small_registry, tmp_path, cache):
    """The records' last digits may differ: eigenvalues and singular values add up in another order. A degenerate value
    may differ altogether: which of tied canonical correlations comes first is rounding."""
    request, written = replace(WHOLE, experiments=("matching",), stitchers=("identity,least_squares",)), []
    for threads in (1, 2):
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            there = replace(request, results=tmp_path / str(threads))
            run(prepare(there, small_registry), small_registry, Silent())
            publish.publish(Store(there.results).read(), there.results)
        finally:
            torch.set_num_threads(before)
        written.append(
            [
                [line for line in (there.results / name).read_text().splitlines() if ",degenerate," not in line]
                for name in ("measurements.csv", "correlations.csv", "leaderboard.csv")
            ]
        )
    assert written[0] == written[1] and len(written[0][0]) > 300


MATCHED = replace(
    WHOLE, experiments=("matching",), view=("spatial",), indices=("cka,pwcca",), stitchers=("identity,least_squares",)
)


@pytest.fixture(scope="module")
def matched(measured):
    return measured(MATCHED)


@pytest.mark.parametrize(
    "request_",
    [
        replace(MATCHED, models=("net",)),
        replace(MATCHED, models=("net[width=4]", "net"), seeds="10,"),
        replace(MATCHED, layers=("conv2",), indices=("pwcca",), view=("spatial",), stitchers=("least_squares",)),
    ],
    ids=["one model", "one seed", "one method at one layer"],
)
def test_what_is_measured_in_less_company_is_the_same(matched, measured, request_):
    found = measured(request_)
    assert found and {key: rows for key, rows in found.items() if rows != matched[key]} == {}


@pytest.mark.parametrize(
    "experiment",
    [
        "cka_penalty[networks=1,pairs=1]",
        "low_rank[pairs=1]",
        "sparsity[pairs=1]",
        "trajectory[pairs=1]",
        "connectivity[pairs=1]",
        "initialisation[pairs=1]",
    ],
)
@pytest.mark.parametrize("seeds", ["3,0,10", "10,3,0", "0,10,3"])
def test_an_experiment_takes_the_first_networks_in_whatever_order_they_are_typed(
    experiment, seeds, small_registry, cache
):
    """By number: 3 before 10."""
    request = replace(
        WHOLE, experiments=(experiment,), models=("net",), indices=("cka,cka[estimator=debiased]",), view=("flat",)
    )
    (part,) = plan(resolve(replace(request, seeds=seeds), small_registry))
    few = {
        (case.kind, case.a.seed, case.b.seed)
        for case in part.cases
        if case.a != case.b or (case.kind == "penalty" and case.method.spec != "cka")
    }
    assert few == (
        {("baseline", "0", "3"), ("penalty", "0", "0")}
        if "penalty" in experiment
        else {(case.kind, "0", "3") for case in part.cases}
    )


def test_checkpoints_are_first_by_name(small_registry, cache, tmp_path):
    model = small_registry.get("models", "net")
    for name in ("b2", "b10", "a"):
        torch.save(model.build(1, 3).state_dict(), tmp_path / f"{name}.pt")
    request = replace(WHOLE, experiments=("low_rank[pairs=1]",), models=("net",), seeds=None)
    for names in (("b10", "b2", "a"), ("b2", "a", "b10")):
        files = ",".join(str(tmp_path / f"{name}.pt") for name in names)
        (part,) = plan(resolve(replace(request, weights=(files,)), small_registry))
        assert {(case.a.seed, case.b.seed) for case in part.cases} == {("a", "b2")}
        assert [network.seed for network in part.selection.ordered] == ["a", "b2", "b10"]
