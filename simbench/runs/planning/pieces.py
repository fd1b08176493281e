"""The units of a tile: cases that share forward passes, of some seconds together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

from simbench.contracts.case import Case
from simbench.runs.cases import Cases
from simbench.runs.grouping import grouped
from simbench.runs.job import Job
from simbench.runs.planning.cutting import Cost, Shared, who
from simbench.runs.planning.tiles import Item, Tile, networks_of
from simbench.runs.unit import Needs, Unit

#: Seconds that the driver may spend on a unit, and the least and the most that a unit of several cases should take.
DRIVER, LEAST, MOST = 0.01, 1.0, 60.0
#: Least units of a tile, so that idle workers find something to take over, and most cases of a unit.
PIECES, CASES = 8, 4096


def units_of(tile: Tile, job: Job, workers: int, cost: Cost, shared: Shared | None = None) -> Iterator[Unit]:
    """The units of a tile, layer by layer, in order of depth.

    For one worker, the groups of `grouped`. For several, neighbouring groups at a layer are joined until a unit takes
    so long that the driver is done with one for each worker meanwhile, and groups of over a minute are cut: what is
    lost with a worker is the unit that it measures, some seconds of work or one case.
    """
    device, memory = job.resolved.request.device, job.resolved.memory
    upto = 0
    for _, same in groupby(tile.cases, key=_layers):
        there = list(same)
        places = {id(case): place for place, case in enumerate(there, upto)}
        upto += len(there)

        def of(cases: Iterable[Case], places: dict[int, int] = places) -> Cases:
            return tile.cases.take([places[id(case)] for case in cases])

        groups = grouped(there)
        if workers == 1:
            yield from (Unit(tile.selection, device, memory, of(group), tile.name) for group in groups)
            continue
        once = 0.0 if shared is None else together(there, shared)
        for cases, seconds in sized(groups, least(tile.seconds, workers), cost):
            own = 0.0 if shared is None else together(cases, shared)
            needs = _needs(cases, device, memory, (seconds, once, own))
            yield Unit(tile.selection, device, memory, of(cases), tile.name, needs)


def least(seconds: float, workers: int) -> float:
    """Seconds of a unit of several groups, at the least, in a tile of so many seconds: one for each worker takes the
    driver no longer than that."""
    return max(min(max(LEAST, workers * DRIVER), seconds / PIECES), 1e-3)


def sized(
    groups: Iterable[list[Item]], least: float, cost: Callable[[Item], float]
) -> Iterator[tuple[list[Item], float]]:
    """Groups joined until they take `least` seconds, and cut where they take more than MOST, with their seconds."""
    unit: list[Item] = []
    spent = 0.0
    for group in groups:
        for case in group:
            seconds = cost(case)
            if unit and (spent + seconds > max(MOST, least) or len(unit) >= CASES):
                yield unit, spent
                unit, spent = [], 0.0
            unit.append(case)
            spent += seconds
        if spent >= least:
            yield unit, spent
            unit, spent = [], 0.0
    if unit:
        yield unit, spent


def together(cases: Sequence[Case], shared: Shared) -> float:
    """Seconds of what cases at a layer share, and of a pass of each of their networks."""
    sides, each, networks = set(), {}, {}
    for case in cases:
        kind = shared.kind(case)
        if kind not in each:
            each[kind] = shared.each(case)
        for network, layer in ((case.a, case.layer_a), (case.b, case.layer_b)):
            networks[who(network)] = network
            sides.add((kind, who(network), layer))
    return sum(each[kind] for kind, *_ in sides) + sum(map(shared.run, networks.values()))


def _needs(cases: Sequence[Case], device: str, memory: int, seconds: tuple[float, float, float]) -> Needs:
    networks = {network.content: network for case in cases for network in networks_of(case)}
    layers = dict.fromkeys(layer for case in cases for layer in (case.layer_a, case.layer_b) if layer)
    weights = sum(size(network.file) for network in networks.values() if not network.part)
    return Needs(tuple(networks), tuple(layers), (memory + weights) / 1e6, device.startswith("cuda"), *seconds)


def size(file: Path) -> int:
    """Bytes of a file, 0 where there is none yet."""
    try:
        return file.stat().st_size if file.name else 0
    except OSError:
        return 0


def _layers(case: Case) -> tuple:
    return case.setting.fingerprint, case.layer_a, case.layer_b
