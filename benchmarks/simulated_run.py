"""A run on many workers, simulated with the scheduler of runs: events are units that workers end, or die of."""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from simbench.runs.planning.pieces import least, sized
from simbench.runs.planning.schedule import SPARED, Common, Schedule
from simbench.runs.planning.tiling import tiled

LAYERS = 20
#: Bytes a second that the driver sends, and seconds in which a dead worker is replaced.
LINK, REPLACED = 125e6, 30.0
#: Most events of a simulation: where there are more units, neighbours are one event, with all that each costs.
EVENTS = 40_000


@dataclass(frozen=True)
class Costs:
    """Seconds. indices: how many there are. pair: of all of them on a pair at a layer. side: of what they share, for a
    network at a layer. whole: of the pass of a network through all layers. weights: bytes of a network. unit, record:
    of the driver, for a unit and for a case."""

    indices: int
    pair: float
    side: float
    whole: float
    weights: float
    unit: float
    record: float


@dataclass
class Worker:
    """reached: for each network that it holds, how many layers it has run. sides: networks of which what is shared at a
    layer is there. queued: units on their way, with the time
    when they are there."""

    tile: int = -1
    reached: dict[int, int] = field(default_factory=dict)
    layer: int = -1
    sides: set[int] = field(default_factory=set)
    queued: list[tuple[float, Unit]] = field(default_factory=list)


#: Tile, layer, pairs of the tile from and to, seconds, and how many units it is.
Unit = tuple[int, int, int, int, float, int]


@dataclass
class Outcome:
    """seconds: of the run. busy, link: seconds that the driver and its network connection were busy. passes: loads of a
    network by a worker. running, sharing: seconds of all workers for passes and what networks share.
    recorded: pairs at layers. lost: units."""

    seconds: float = 0.0
    busy: float = 0.0
    link: float = 0.0
    passes: int = 0
    running: float = 0.0
    sharing: float = 0.0
    units: int = 0
    recorded: int = 0
    lost: int = 0
    divided: int = 0


def simulate(pairs: np.ndarray, costs: Costs, workers: int, mean_life: float = 0.0, seed: int = 0) -> Outcome:
    """The run on some workers. mean_life: hours of a worker; 0: they do not die."""
    both = 2 * costs.pair
    tile = tiled(pairs, np.full(len(pairs), both), workers)
    order = np.argsort(tile, kind="stable")
    bounds = np.searchsorted(tile[order], range(workers + 1))
    inside = [pairs[order[a:b]] for a, b in pairwise(bounds) if b > a]
    most = least(len(pairs) * both * LAYERS / workers, workers)
    together = max(1, int(len(pairs) * LAYERS / max(1.0, most / both) / EVENTS))

    def units(number: int) -> Iterator[Unit]:
        count = len(inside[number])
        sizes = [len(some) for some, _ in sized(([k] for k in range(count)), most, lambda _: both)]
        for layer in range(LAYERS):
            at = 0
            for place in range(0, len(sizes), together):
                some = sizes[place : place + together]
                yield number, layer, at, at + sum(some), both * sum(some), len(some)
                at += sum(some)

    tiles = ((len(inside[n]) * both * LAYERS, units(n)) for n in range(len(inside)))
    names = [len(np.unique(some)) for some in inside]

    def shares(unit: Unit) -> Common:
        """What a unit shares with those of its tile at its layer: passes of networks, and what is computed of each."""
        own = np.unique(inside[unit[0]][unit[2] : unit[3]]).tolist()
        each = costs.side + costs.whole / LAYERS
        return Common(unit[1], names[unit[0]] * each, len(own) * each, own)

    short = SPARED * len(pairs) * both * LAYERS / workers
    schedule = Schedule(tiles, lambda unit: unit[4], short, shares)
    return _run(schedule, inside, costs, workers, mean_life * 3600, random.Random(seed))


def _run(
    schedule: Schedule, inside: list[np.ndarray], costs: Costs, workers: int, life: float, draw: random.Random
) -> Outcome:
    out, crew, free, link = Outcome(), [Worker() for _ in range(workers)], 0.0, 0.0
    ends: list[tuple[float, int, Unit, bool]] = []  # when a worker ends a unit, or dies of it
    idle: set[int] = set()

    def ask(number: int, now: float) -> None:
        """The driver sends the next unit to a worker."""
        nonlocal free
        unit = schedule.take(number)
        if unit is not None:
            free = max(free, now) + costs.unit * unit[5]
            out.busy += costs.unit * unit[5]
            crew[number].queued.append((free, unit))

    def begin(number: int, now: float) -> None:
        """A worker begins its next unit."""
        nonlocal link
        worker = crew[number]
        if not worker.queued:
            return
        there, unit = worker.queued.pop(0)
        start = max(now, there)
        if unit[0] != worker.tile:
            worker.tile, worker.reached, worker.layer = unit[0], {}, -1
        names = np.unique(inside[unit[0]][unit[2] : unit[3]]).tolist()
        new = [name for name in names if name not in worker.reached]
        if new:
            link = max(link, start) + len(new) * costs.weights / LINK
            out.link += len(new) * costs.weights / LINK
            start = max(start, link)
            out.passes += len(new)
        steps = 0
        for name in names:
            steps += max(0, unit[1] + 1 - worker.reached.get(name, 0))
            worker.reached[name] = max(unit[1] + 1, worker.reached.get(name, 0))
        if worker.layer != unit[1]:
            worker.layer, worker.sides = unit[1], set()
        fresh = [name for name in names if name not in worker.sides]
        worker.sides.update(fresh)
        running, sharing = steps * costs.whole / LAYERS, len(fresh) * costs.side
        out.running += running
        out.sharing += sharing
        end = start + running + sharing + unit[4]
        death = start + draw.expovariate(1 / life) if life else end + 1
        heapq.heappush(ends, (min(death, end), number, unit, death < end))

    for _ in range(2):
        for number in range(workers):
            ask(number, 0.0)
    for number in range(workers):
        begin(number, 0.0)
    while ends:
        now, number, unit, died = heapq.heappop(ends)
        if died:
            out.lost += 1
            for lost in (unit, *(waiting for _, waiting in crew[number].queued)):
                schedule.again(lost)
            schedule.gone(number)
            crew[number] = Worker()
            idle.add(number)
            for other in sorted(idle):
                there = now + REPLACED * (other == number)
                ask(other, there)
                if crew[other].queued:
                    idle.discard(other)
                    begin(other, there)
            continue
        recorded = costs.record * 2 * costs.indices * (unit[3] - unit[2])
        free = max(free, now) + recorded
        out.busy += recorded
        out.units += unit[5]
        out.recorded += unit[3] - unit[2]
        out.seconds = max(out.seconds, free)
        ask(number, now)
        if crew[number].queued:
            begin(number, now)
        else:
            idle.add(number)
    out.divided = schedule.divided
    return out
