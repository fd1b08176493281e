"""The units of a job: today's for one worker, tiles of few networks for several; and as many passes as were planned."""

from __future__ import annotations

import math
from collections import Counter, OrderedDict
from dataclasses import replace
from itertools import groupby

import pytest
import torch
from small_plugins import Net, SmallPlugins
from small_requests import SMALL, Silent

import simbench
from simbench.measuring import passes
from simbench.measuring.bench import Workbench
from simbench.measuring.measure import measure
from simbench.networks.inputs import BATCH
from simbench.runs.executors.task import forget, measure_unit
from simbench.runs.grouping import grouped
from simbench.runs.job import prepare
from simbench.runs.planning.cutting import Work
from simbench.runs.planning.pieces import MOST, units_of
from simbench.runs.planning.tiles import tiles
from simbench.runs.training import trained
from simbench.runs.unit import Unit
from simbench.runs.units import units

#: Size of batch -> how many entered a network.
SEEN: Counter[int] = Counter()


def second(case) -> float:
    return 1.0


@pytest.fixture(scope="module")
def job(small_registry, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiles")
    given = {"seeds": "5", "view": ("pooled",), "indices": ("cka,rsa",), "layers": ("bn1,conv2",)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIMBENCH_CACHE", str(folder / "cache"))
        return trained(prepare(replace(SMALL, results=folder / "results", **given), small_registry), Silent())


def test_for_one_worker_units_are_the_groups_of_each_layer_in_order(job):
    (part,) = job.parts
    wanted = [
        Unit(part.selection, "cpu", job.resolved.memory, tuple(group))
        for _, same in groupby(part.cases, key=lambda case: (case.setting.fingerprint, case.layer_a, case.layer_b))
        for group in grouped(list(same))
    ]
    assert list(units(job)) == wanted
    assert all(unit.selection is part.selection for unit in units(job))


@pytest.mark.parametrize("workers", [2, 3, 5, 40])
def test_every_case_is_in_one_unit_of_a_tile_that_holds_its_networks(job, workers):
    found = list(units(job, workers))
    assert Counter(case.key for unit in found for case in unit.cases) == Counter(
        case.key for case in job.parts[0].cases
    )
    for unit in found:
        assert {n.content for c in unit.cases for n in (c.a, c.b)} == set(unit.needs.networks)
        assert set(unit.needs.networks) <= {network.content for network in unit.selection.networks}
        assert unit.needs.seconds > 0 and not unit.needs.gpu and unit.needs.megabytes > 768
    assert len({unit.tile for unit in found} - {""}) >= min(workers, 5)
    for number in {unit.tile for unit in found}:
        assert len({id(unit.selection) for unit in found if unit.tile == number}) == 1


def test_tiles_cost_the_same_and_hold_few_networks(job):
    cases = job.parts[0].cases
    for count in (2, 3, 4):
        found = Work.of(cases, second).cut(count)
        sizes = [len(some) for some in found]
        assert len(found) == count and max(sizes) <= 1.35 * len(cases) / count, sizes
        together = sum(len({n.content for case in some for n in (case.a, case.b)}) for some in found)
        assert together <= math.ceil(1.6 * 5 * math.sqrt(count))


def test_a_pair_that_costs_more_than_a_tile_is_cut_by_layers(job):
    pair = [case for case in job.parts[0].cases if {case.a.seed, case.b.seed} == {"0", "1"}]
    found = Work.of(pair, second).cut(4)
    assert sorted(len(some) for some in found) == [len(pair) // 4] * 4
    assert [case for some in found for case in some] == pair
    dear = Work.of(job.parts[0].cases, lambda case: 100.0 if case == pair[0] else 0.01).cut(4)
    assert any(pair[0] in some and len(some) <= 2 for some in dear)


def test_moments_are_taken_of_the_pairs_of_a_tile_alone(job):
    (part,) = job.parts
    for tile in tiles(job, 3, second):
        mine = {(case.a.name, case.b.name) for case in tile.cases if case.a != case.b}
        assert {(pair.a.name, pair.b.name) for pair in tile.selection.pairs()} == mine
        assert {pair.layer for pair in tile.selection.pairs()} == {"bn1", "conv2"}
    assert len(set(part.selection.pairs())) == 5 * 4 * 2


def test_units_take_seconds_and_none_much_more_than_a_minute(job):
    (tile,) = tiles(job, 1, second)
    for cost, most, least in ((30.0, MOST, 30.0), (1e-4, 1.0, 1e-3), (0.4, 64 * 0.4, 1.0), (100.0, 100.0, 100.0)):
        sized = [unit.needs.seconds for unit in units_of(replace(tile, seconds=1e9), job, 4, lambda case, c=cost: c)]
        assert max(sized) <= most + 1e-9, cost
        if cost > 1e-3:
            assert min(sized) >= min(least, cost), cost


class Enter(torch.nn.Module):
    """The first stage of a network, which counts the full batches that enter."""

    def forward(self, x):
        SEEN[len(x)] += 1
        return x


class Counted(Net):
    name = "counted"

    def build(self, channels, classes):
        return torch.nn.Sequential(
            OrderedDict([("enter", Enter()), *super().build(channels, classes).named_children()])
        )


class Plugins(SmallPlugins):
    @simbench.hookimpl
    def simbench_models(self):
        return [Counted()]


def measured(found) -> tuple[dict, int]:
    """Rows by case, and the forward passes it took; each selection on a bench of its own, in turn, as on a worker."""
    before, rows, bench = SEEN[BATCH], {}, None
    for unit in found:
        if bench is None or bench.selection is not unit.selection:
            bench = Workbench(unit.selection)
        for case in unit.cases:
            result = measure(case, bench)
            rows[case.key] = (result.rows, {name: array.tobytes() for name, array in result.arrays.items()})
    return rows, SEEN[BATCH] - before


def test_as_many_forward_passes_as_planned_and_the_same_numbers_to_the_last_bit(request_, cache):
    """Splits of one batch, so that a batch is a pass."""
    given = {"models": ("counted",), "seeds": "4", "max_samples": 60, "view": ("pooled",)}
    request = replace(request_, **given, indices=("cka,rsa",), stitchers=("least_squares",))
    job = trained(prepare(request, simbench.load([Plugins()])), Silent())
    alone, once = measured(units(job))
    assert once == sum(tile.passes for tile in tiles(job, 1, second)) == 4 * 2 + 4
    planned = tiles(job, 3, second)
    found, counted = measured(unit for tile in planned for unit in units_of(tile, job, 3, second))
    assert found == alone and len(found) == job.cases
    assert counted == sum(tile.passes for tile in planned) <= 1.6 * math.sqrt(3) * 8 + 4


class Dear:
    """Networks share much at a layer, and passes cost little."""

    memory = 1e9

    def kind(self, case):
        return case.kind

    def each(self, case):
        return 10.0

    def run(self, network):
        return 0.1

    def held(self, case, network, layer):
        return 1.0


@pytest.mark.long
def test_where_layers_share_nothing_each_worker_has_layers_of_its_own(request_, cache):
    """Each worker runs all networks, with the same numbers to the last bit, and takes no moments that another takes."""
    given = {"models": ("counted",), "seeds": "4", "max_samples": 60, "view": ("pooled",)}
    request = replace(request_, **given, layers=("bn1,conv2",), indices=("cka,rsa",), stitchers=("least_squares",))
    job = trained(prepare(request, simbench.load([Plugins()])), Silent())
    alone, _ = measured(units(job))
    planned = tiles(job, 2, second, Dear())
    assert [{case.layer_a for case in tile.cases} - {""} for tile in planned] == [{"bn1"}, {"conv2"}]
    assert [set(*tile.selection.layers.values()) for tile in planned] == [{"bn1"}, {"conv2"}]
    found, counted = measured(unit for tile in planned for unit in units_of(tile, job, 2, second, Dear()))
    assert found == alone and len(found) == job.cases
    assert counted == sum(tile.passes for tile in planned) == 2 * 4 * 2 + 4
    (one,) = {unit.needs.shared for unit in units_of(planned[1], job, 2, second, Dear())}
    assert one == pytest.approx(2 * 4 * 10.0 + 4 * 0.1), "two kinds of cases, four networks"


def test_a_bench_takes_the_moments_of_one_tile_at_a_time(job, monkeypatch):
    """Those of its own pairs and layers alone, also where the tile before had the same networks."""
    taken = []

    def watched(activations, stacks, *given):
        taken.append(
            [(len(stack.members), len(stack.pairs), {layer for _, layer in stack.members}) for stack in stacks]
        )
        return plain(activations, stacks, *given)

    plain = passes.taken
    monkeypatch.setattr(passes, "taken", watched)
    for tile in tiles(job, 2, second, Dear()):
        (layer,) = {case.layer_a for case in tile.cases} - {""}
        unit = replace(
            next(units_of(tile, job, 1, second)), cases=[case for case in tile.cases if case.layer_a == layer]
        )
        results = measure_unit(unit)
        assert {row.status for result in results for row in result.rows} == {"ok"}
        assert 1 < len(taken) < 5 and all(each == [(5, 10, {layer})] for each in taken), "by split, view and half"
        taken.clear()
    forget()


def test_tiles_are_as_many_for_each_part_as_it_costs_with_what_its_cases_share(job):
    """A part of cheap cases that share much is cut, too."""
    part = job.parts[0]
    dear = {case.key for case in part.cases if case.kind == "network"}
    both = replace(
        job,
        parts=(
            replace(part, cases=[c for c in part.cases if c.key not in dear]),
            replace(part, cases=[c for c in part.cases if c.key in dear]),
        ),
    )

    def cost(case):
        return 10.0 if case.key in dear else 0.01

    for shared, wanted in ((None, [1, 4]), (Dear(), [3, 1])):
        cheap = [tile.seconds < 5 for tile in tiles(both, 4, cost, shared)]
        assert [cheap.count(True), cheap.count(False)] == wanted
