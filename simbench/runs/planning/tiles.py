"""Tiles of a job: open cases, cut so that each worker runs few networks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

import numpy as np

from simbench.contracts import Design, Stitcher
from simbench.contracts.case import Case
from simbench.contracts.selection import Network, Selection
from simbench.errors import InputError
from simbench.runs.cases import Cases
from simbench.runs.job import Job
from simbench.runs.placeholders import UNTRAINED
from simbench.runs.plan import Part
from simbench.runs.planning.layering import Shares, layered
from simbench.runs.planning.tiling import tiled

Item = TypeVar("Item")
#: Estimated seconds of a case.
Cost = Callable[[Case], float]


class Shared(Protocol):
    """What cases share, beside the seconds of each.

    memory: bytes that activations may take on a worker.
    """

    memory: float

    def kind(self, case: Case) -> Any:
        """Cases of a kind share with each other."""

    def each(self, case: Case) -> float:
        """Seconds that cases of its kind share, for each network at a layer."""

    def run(self, network: Network) -> float:
        """Seconds of a forward pass."""

    def held(self, case: Case, network: Network, layer: str) -> float:
        """Bytes of activations of a network at a layer that the case reads."""


@dataclass(frozen=True)
class Tile:
    """Open cases of a part that one worker measures, in the order of the part, and their estimated seconds.

    selection: that of the part, with the networks and pairs of the tile alone: moments of pairs are taken together for
    all pairs of a selection. An experiment must not read the networks of `bench.selection` when it measures: its
    results are kept as functions of the case.
    """

    name: str
    selection: Selection
    cases: Cases
    seconds: float

    @property
    def passes(self) -> int:
        """Forward passes over the inputs of one split, from the inputs on, where the activations of the tile at a layer
        fit in memory: one for each network and split that a layer is read of, through all its layers, and one for each
        unstitched network. Networks that are no row of stages run once for each layer, and methods may run others."""
        alone = {(who(case.a), case.split) for case in self.cases if not case.layer_a}
        return len(alone | {("", *run) for case in self.cases if case.layer_a for run in _runs(case)})


@dataclass(frozen=True)
class Listed(Design):
    """A design of given pairs. places: of front and end among the names."""

    names: tuple[str, ...] = ()
    places: tuple[tuple[int, int], ...] = ()

    def pairs(self, typed: Sequence[Item], names: Sequence[str], seed: int) -> Iterator[tuple[Item, Item]]:
        """The given pairs of which both are among the items."""
        at = dict(zip(names, typed, strict=True))
        named = ((self.names[a], self.names[b]) for a, b in self.places)
        yield from ((at[a], at[b]) for a, b in named if a in at and b in at)


def tiles(job: Job, workers: int, cost: Cost, shared: Shared | None = None) -> list[Tile]:
    """The open cases of a job in about as many tiles of equal cost as there are workers; in a tile for each part, as
    they are, for one."""
    parts = [(part, job.open(part)) for part in job.parts]
    sums = [sum(map(cost, cases)) if workers > 1 else 1.0 for _, cases in parts]
    made: list[Tile] = []
    for (part, cases), seconds in zip(parts, sums, strict=True):
        if not cases:
            continue
        if workers == 1:
            made.append(Tile("", part.selection, cases, 0.0))
            continue
        share = max(1, round(workers * seconds / sum(sums)))
        for some in cut(cases, share, cost, shared):
            made.append(Tile(str(len(made) + 1), _selection(part, some), some, sum(map(cost, some))))
    return made


def cut(cases: Iterable[Case], count: int, cost: Cost, shared: Shared | None = None) -> list[Cases]:
    """Cases in about `count` tiles of about equal cost: by pairs, or by layers first where cases then repeat less of
    what they share."""
    cases = Cases.of(cases)
    seconds = np.fromiter(map(cost, cases), np.float64, len(cases))
    networks = _numbered(cases, lambda case: (who(case.a), who(case.b)))

    def by_pairs(some: np.ndarray, tiles: int) -> np.ndarray:
        return _by_pairs(networks[some], seconds[some], tiles)

    if shared is None or count == 1:
        tile = by_pairs(np.arange(len(cases)), count)
    else:
        tile = layered(_shares(cases, seconds, networks, shared), count, by_pairs)
    order = np.argsort(tile, kind="stable")
    bounds = np.flatnonzero(np.diff(tile[order], prepend=-1))
    return [cases.take(some) for some in np.split(order, bounds[1:])]


def _by_pairs(networks: np.ndarray, seconds: np.ndarray, count: int) -> np.ndarray:
    """The tile of each case, by pairs, whose two orders stay together; of pairs that cost more than a tile should, runs
    of neighbouring layers. networks: (n, 2) numbers."""
    pairs, pair = np.unique(np.sort(networks, 1), axis=0, return_inverse=True)
    pair = pair.reshape(-1)
    costs = np.bincount(pair, seconds)
    share = seconds.sum() / count
    several = np.where(costs > share, np.maximum(1, np.round(costs / share)), 0).astype(int)
    tile, at = np.zeros(len(seconds), np.int64), 0
    for number in np.flatnonzero(several):
        places, pieces = np.flatnonzero(pair == number), several[number]
        upto = np.cumsum(seconds[places]) - seconds[places] / 2
        tile[places] = at + np.minimum(upto / seconds[places].sum() * pieces, pieces - 1).astype(int)
        at += pieces
    light = several == 0
    cuts = np.zeros(len(pairs), np.int64)
    cuts[light] = tiled(pairs[light], costs[light], max(1, count - at))
    inside = light[pair]
    tile[inside] = at + cuts[pair[inside]]
    return tile


def _shares(cases: Cases, seconds: np.ndarray, networks: np.ndarray, shared: Shared) -> Shares:
    """What the cases share, in numbers."""
    kinds: dict[Any, int] = {}
    numbers = (kinds.setdefault(shared.kind(case), len(kinds)) for case in cases)
    kind = np.fromiter(numbers, np.int64, len(cases))
    each = np.array([shared.each(cases[int(place)]) for place in np.unique(kind, return_index=True)[1]])
    layers: dict[tuple[str, str], int] = {}
    numbers = (layers.setdefault((case.setting.fingerprint, case.layer_a), len(layers)) for case in cases)
    layer = np.fromiter(numbers, np.int64, len(cases))
    sides = _numbered(cases, lambda case: ((who(case.a), case.layer_a), (who(case.b), case.layer_b)))
    held, passes = np.zeros(sides.max() + 1), np.zeros(networks.max() + 1)
    for case, of, at in zip(cases, networks, sides, strict=True):
        for network, name, number, side in zip((case.a, case.b), (case.layer_a, case.layer_b), of, at, strict=True):
            if not passes[number]:
                passes[number] = shared.run(network)
            held[side] = max(held[side], shared.held(case, network, name))
    return Shares(seconds, layer, kind, networks, sides, each, passes, held, shared.memory)


def _numbered(cases: Cases, names: Callable[[Case], tuple[Any, Any]]) -> np.ndarray:
    """(n, 2) numbers of two names of each case, in the order in which they come."""
    numbers: dict[Any, int] = {}
    places = (numbers.setdefault(name, len(numbers)) for case in cases for name in names(case))
    return np.fromiter(places, np.int64, 2 * len(cases)).reshape(-1, 2)


def who(network: Network) -> str:
    """What tells networks apart that run on their own: their content, and their name before they are trained."""
    return network.content if network.weights != UNTRAINED else f"{network.fingerprint} {network.name}"


def networks_of(case: Case) -> tuple[Network, ...]:
    return (case.a, case.b) if case.control is None else (case.a, case.b, case.control)


def _runs(case: Case) -> Iterator[tuple[str, str]]:
    """(content of network, split) that a case runs: stitches are fitted on one split and scored on the other."""
    for split in ("train", "test") if isinstance(case.method, Stitcher) else (case.split,):
        yield from ((who(network), split) for network in networks_of(case))


def _selection(part: Part, cases: Cases) -> Selection:
    """The selection of a part with the networks and pairs of some cases alone."""
    whole = part.selection
    there = {who(network) for case in cases for network in networks_of(case)}
    networks = tuple(network for network in whole.networks if who(network) in there)
    names = tuple(network.name for network in networks)
    at = {name: place for place, name in enumerate(names)}
    together = {frozenset((case.a.name, case.b.name)) for case in cases}
    try:
        designed = {(pair.a.name, pair.b.name) for pair in whole.pairs()}
    except InputError:  # of a design that is impossible here
        designed = set()
    places = sorted((at[a], at[b]) for a, b in designed if frozenset((a, b)) in together)
    controls = tuple(network for network in whole.controls if who(network) in there)
    return replace(whole, networks=networks, controls=controls, design=Listed(None, names, tuple(places)))
