"""The forecast of a run: counted from its units, in the seconds of its cases."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import pytest
import torch
from small_requests import Silent, go

import simbench
from simbench.measuring.bench import Workbench
from simbench.measuring.measure import measure
from simbench.runs.job import prepare
from simbench.runs.planning.estimates import Estimates
from simbench.runs.planning.forecast import Known, calibrated
from simbench.runs.planning.sizes import Extents, Sizes, sizes
from simbench.runs.planning.tiles import tiles
from simbench.runs.units import units


def invented(job, cases):
    """100 inputs of each split, layers of 1,000 and 10,000 bytes an input."""
    sized = {"net": Sizes(500, {"bn1": 1000, "conv2": 10_000}, {"bn1": 3984 / 7440, "conv2": 96 / 7440})}
    found = Extents(sized, {"blobs": {"train": 300, "test": 100}}, {"blobs": 7000}, {})
    return found, {"net": 2.0}, 0.01


def tiles_of(known: Known, workers: int) -> list:
    """The tiles of a forecast."""
    found = Estimates(known.costs, known.extents, known.job.resolved.memory)
    return tiles(known.job, workers, found.alone, found)


@pytest.fixture
def job(request_, small_registry):
    return prepare(replace(request_, seeds="6", indices=("cka",), stitchers=("identity",)), small_registry)


def test_units_and_passes_are_those_of_the_run(job):
    known = Known(job, invented)
    for workers in (1, 4):
        found = known.forecast(workers)
        assert found.units == len(list(units(job, workers))) and found.workers == workers
    cut = tiles_of(known, 4)
    assert found.passes == sum(tile.passes for tile in cut) > known.forecast(1).passes == 6 * 2 + 6


def test_weights_are_sent_once_for_each_tile_and_data_once_for_each_worker(job):
    known = Known(job, invented)
    cut = tiles_of(known, 3)
    members = sum(len({n.name for case in tile.cases for n in (case.a, case.b)}) for tile in cut)
    assert known.forecast(3).sent == 500 * members + 3 * 7000
    assert known.forecast(1).sent == 0


def test_activations_are_held_of_the_largest_layer_within_the_memory(job):
    assert Known(job, invented).forecast(1).held == 6 * 10_000 * 400
    small = replace(job, resolved=replace(job.resolved, memory=12345))
    assert Known(small, invented).forecast(1).held == 12345


def test_more_workers_take_less_until_the_driver_or_a_case_holds_them_up(job):
    known = Known(job, invented)
    seconds = [known.forecast(workers).seconds for workers in (1, 2, 4)]
    assert seconds[0] > 1.2 * seconds[1] > 1.2 * 1.1 * seconds[2]
    assert seconds[0] < 2 * seconds[1] + 1 and seconds[0] < 4 * seconds[2] + 1  # what is shared is done for each tile
    longest = max(known.costs(case).each for case in known.cases)
    assert known.forecast(10_000).seconds >= longest


def test_what_networks_share_is_counted_for_each_network_and_layer_of_a_tile(job):
    known = Known(job, invented)
    (tile,) = tiles(job, 1, lambda case: 1.0)
    alone = sum(known.costs(case).each for case in tile.cases)
    stitch = known.costs(next(case for case in tile.cases if case.kind == "stitcher"))
    index = known.costs(next(case for case in tile.cases if case.kind == "index"))
    network = known.costs(next(case for case in tile.cases if case.kind == "network"))
    shared = 12 * (stitch.shared + index.shared) + 6 * network.shared
    assert known.seconds(tile) == pytest.approx(alone + shared)


def test_sizes_are_those_of_the_network(small_registry, cache):
    model, data = small_registry.get("models", "net"), small_registry.get("datasets", "blobs")
    found = sizes(model, data, ("bn1", "conv2", "no such layer"))
    assert found.layers == {"bn1": 6 * 8 * 8 * 4, "conv2": 8 * 3 * 3 * 4}
    assert found.weights == sum(x.nbytes for x in model.build(1, 3).state_dict().values())
    first, second, last = 8 * 8 * 6 * 9, 3 * 3 * 8 * 6 * 9, 4 * 8 * 3  # multiply-adds of two convolutions, and the end
    whole = first + second + last
    assert found.above == {"bn1": pytest.approx((second + last) / whole), "conv2": pytest.approx(last / whole)}


def test_a_stitch_costs_by_what_is_left_above_its_layer(job):
    """A third and a twelfth of the operations are left above the two layers: 1.6 and 0.4 of their mean."""
    known = Known(job, invented)
    found = Extents({"net": Sizes(500, {}, {"bn1": 1 / 3, "conv2": 1 / 12})}, {}, {}, {})
    estimates = Estimates(known.costs, found, 1e9)
    for case in known.cases:
        times = {"bn1": 1.6, "conv2": 0.4}.get(case.layer_b, 1.0) if case.kind == "stitcher" else 1.0
        assert estimates.alone(case) == pytest.approx(known.costs(case).each * times)


def test_a_dry_run_says_the_plan_and_returns_it_as_data(request_, small_registry):
    progress = Silent()
    outcome = simbench.run(
        replace(request_, indices=("cka",)), registry=small_registry, progress=progress, dry_run=True
    )
    assert list(outcome.plan["workers"]) == [1, 2, 10, 100]
    assert (outcome.plan[["units", "passes", "held", "seconds"]] > 0).all(axis=None)
    said = progress.said
    assert any(line.startswith("plan, by costs of 14 cases from a reference") for line in said)
    row = said[-4].split()
    assert row[0] == "1" and int(row[1]) == outcome.plan["units"][0] and int(row[2]) == outcome.plan["passes"][0]


def test_nothing_to_measure_has_no_plan(request_, small_registry):
    go(request_, small_registry)
    progress = Silent()
    outcome = simbench.run(request_, registry=small_registry, progress=progress, dry_run=True)
    assert outcome.plan.empty and not any("plan" in line for line in progress.said)


@contextmanager
def threads(number: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    yield
    torch.set_num_threads(before)


@pytest.mark.long
def test_the_reference_is_right_within_a_factor_of_three_on_digits(tmp_path):
    """In seconds of CPU of one thread, which other programs do not lengthen."""
    chosen = {"models": "tiny10", "seeds": 3, "layers": "bn2,bn5,bn8", "experiments": "matching", "pairs": "all"}
    request = simbench.Request.of(**chosen, results=tmp_path / "none")
    job = prepare(request, simbench.load())
    assert not job.untrained and all(not record for record in job.contents.records)
    with threads(1):
        forecast = Known(job, partial(calibrated, clock=time.process_time)).forecast(1)
        bench, start = Workbench(job.parts[0].selection), time.process_time()
        for unit in units(job):
            for case in unit.cases:
                measure(case, bench)
        spent = time.process_time() - start
    assert spent / 3 < forecast.seconds < 3 * spent, (spent, forecast)
