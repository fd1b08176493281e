"""The forecast of a run: what it would measure, move, hold and take, on some numbers of workers."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING

from simbench.contracts.case import Case
from simbench.runs.planning.calibration import Clock, machine_seconds, pass_seconds
from simbench.runs.planning.costs import Costs, place_of
from simbench.runs.planning.cutting import who
from simbench.runs.planning.estimates import Estimates
from simbench.runs.planning.pieces import DRIVER, units_of
from simbench.runs.planning.sizes import Sizes, extents
from simbench.runs.planning.tiles import Tile, networks_of, tiles

if TYPE_CHECKING:
    from simbench.runs.job import Job

#: Numbers of workers that a forecast is made for.
WORKERS = (1, 2, 10, 100)
#: Seconds that the driver takes to put a case on record.
RECORD = 0.001


@dataclass(frozen=True)
class Forecast:
    """workers, units, passes: their numbers; a pass is one of a network over the inputs of one split. sent: bytes of
    weights and data that travel at most: the networks of each tile, and the data to each worker; nothing to one worker,
    this process. held: bytes of activations of a worker at most. seconds: until all is measured and on record, by
    workers as fast as this process, without training."""

    workers: int
    units: int
    passes: int
    sent: int
    held: int
    seconds: float


def calibrated(job: Job, cases: Iterable[Case], clock: Clock = time.perf_counter) -> tuple:
    """(extents of models and data, seconds of a pass by model, of the machine)."""
    known, passes = extents(cases), {}
    device = job.resolved.request.device
    for spec, (network, setting) in known.models.items():
        with suppress(Exception):  # of a model: its cases fail, and say why
            home = network.home(setting)
            passes[spec] = pass_seconds(network.model, setting.dataset, setting.limit, device, clock, home)
    return known, passes, machine_seconds(clock)


class Known:
    """What is known of a job: costs learnt from its records, and for each model what a fraction of a second on this
    machine tells.

    learnt: number of open cases whose cost is learnt from records of their kind.
    """

    def __init__(self, job: Job, calibrate: Callable[[Job, Iterable[Case]], tuple] = calibrated) -> None:
        self.job = job
        self.extents, passes, machine = calibrate(job, self.cases)
        self.costs = Costs(job, passes, machine)
        self.learnt = sum(map(self.costs.known, self.cases))

    @property
    def cases(self) -> Iterator[Case]:
        """The open cases."""
        return chain.from_iterable(map(self.job.open, self.job.parts))

    @cached_property
    def forecasts(self) -> tuple[Forecast, ...]:
        """For some numbers of workers."""
        return tuple(map(self.forecast, WORKERS))

    def forecast(self, workers: int) -> Forecast:
        """The forecast for a number of workers."""

        estimates = Estimates(self.costs, self.extents, self.job.resolved.memory)
        cost = estimates.alone
        cut = tiles(self.job, workers, cost, estimates)
        units = sum(1 for tile in cut for _ in units_of(tile, self.job, workers, cost))
        spent = sum(map(self.seconds, cut))
        longest = max(map(cost, self.cases), default=0.0)
        driver = self.job.pending * RECORD + (units * DRIVER if workers > 1 else 0.0)
        seconds = spent + driver if workers == 1 else max(spent / workers, longest, driver)
        sent = 0
        if workers > 1:
            sent = sum(map(self._weights, cut)) + min(workers, len(cut)) * sum(self.extents.data.values())
        held = max((min(self._activations(tile), self.job.resolved.memory) for tile in cut), default=0)
        return Forecast(workers, units, sum(tile.passes for tile in cut), sent, held, seconds)

    def seconds(self, tile: Tile) -> float:
        """Of one worker, for a tile: its cases, and what they share, for each network and layer of the tile."""
        total, sides, rates = 0.0, defaultdict(set), {}
        for case in tile.cases:
            place, rate = place_of(case), self.costs(case)
            total += rate.each
            rates[place] = rate
            sides[place].update([(who(case.a), case.layer_a), (who(case.b), case.layer_b)])
        return total + sum(rates[place].shared * len(of) for place, of in sides.items())

    def _weights(self, tile: Tile) -> int:
        networks = {who(network): network for case in tile.cases for network in networks_of(case)}
        return sum(self.extents.sizes.get(network.model.spec, Sizes()).weights for network in networks.values())

    def _activations(self, tile: Tile) -> int:
        """At the layer where they are most."""
        layers: dict[str, dict[tuple, int]] = defaultdict(dict)
        for case in tile.cases:
            held = layers[case.layer_a]
            for network, layer in ((case.a, case.layer_a), (case.b, case.layer_b)):
                size = self.extents.held(case, network, layer)
                held[who(network), layer] = max(size, held.get((who(network), layer), 0))
        return max((sum(held.values()) for held in layers.values()), default=0)


def lines(known: Known) -> Iterator[str]:
    """The forecasts as a table for people. Networks are tried, for a fraction of a second each."""
    others = known.job.pending - known.learnt
    basis = [f"of {known.learnt:,} cases learnt from records"] * bool(known.learnt)
    basis += [
        f"of {others:,} cases from a reference machine (this one takes {known.costs.slower:.2g} times as long)"
    ] * bool(others)
    yield f"plan, by costs {' and '.join(basis)}; without training:"
    yield f"{'workers':>9} {'units':>9} {'forward passes':>15} {'sent, GB':>9} {'held by each, GB':>17} {'hours':>9}"
    for each in known.forecasts:
        yield (
            f"{each.workers:>9,} {each.units:>9,} {each.passes:>15,} {each.sent / 1e9:>9.3g} {each.held / 1e9:>17.3g} "
            f"{each.seconds / 3600:>9.3g}"
        )
