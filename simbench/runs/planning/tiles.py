"""Tiles of a job: open cases, cut so that each worker runs few networks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from simbench.contracts import Design, Stitcher
from simbench.contracts.case import Case
from simbench.contracts.selection import Network, Selection
from simbench.errors import InputError
from simbench.runs.cases import Cases
from simbench.runs.job import Job
from simbench.runs.plan import Part
from simbench.runs.planning.cutting import Cost, Shared, Work, who

Item = TypeVar("Item")


@dataclass(frozen=True)
class Tile:
    """Open cases of a part that one worker measures, in the order of the part, and their estimated seconds.

    selection: that of the part, with the networks, layers and pairs of the tile alone: moments are taken together for
    all pairs of a selection at all its layers. An experiment must not read the networks of `bench.selection` when it
    measures: its results are kept as functions of the case.
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
        found: set[tuple[str, ...]] = set()
        for case in self.cases:
            found |= {("", *run) for run in _runs(case)} if case.layer_a else {(who(case.a), case.split)}
        return len(found)


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
    parts = [(part, cases) for part in job.parts if (cases := job.open(part))]
    if workers == 1:
        return [Tile("", part.selection, cases, 0.0) for part, cases in parts]
    works = [Work.of(cases, cost, shared) for _, cases in parts]
    spent = [work.spent for work in works]
    made: list[Tile] = []
    for (part, _), work, seconds in zip(parts, works, spent, strict=True):
        for some in work.cut(max(1, round(workers * seconds / sum(spent)))):
            made.append(Tile(str(len(made) + 1), _selection(part, some), some, sum(map(cost, some))))
    return made


def networks_of(case: Case) -> tuple[Network, ...]:
    return (case.a, case.b) if case.control is None else (case.a, case.b, case.control)


def _runs(case: Case) -> Iterator[tuple[str, str]]:
    """(content of network, split) that a case runs: stitches are fitted on one split and scored on the other."""
    for split in ("train", "test") if isinstance(case.method, Stitcher) else (case.split,):
        yield from ((who(network), split) for network in networks_of(case))


def _selection(part: Part, cases: Cases) -> Selection:
    """The selection of a part with the networks, layers and pairs of some cases alone."""
    whole, some = part.selection, list(cases)
    there = {who(network) for case in some for network in networks_of(case)}
    networks = tuple(network for network in whole.networks if who(network) in there)
    names = tuple(network.name for network in networks)
    at = {name: place for place, name in enumerate(names)}
    together = {frozenset((case.a.name, case.b.name)) for case in some}
    try:
        designed = {(pair.a.name, pair.b.name) for pair in whole.pairs()}
    except InputError:  # of a design that is impossible here
        designed = set()
    places = sorted((at[a], at[b]) for a, b in designed if frozenset((a, b)) in together)
    controls = tuple(network for network in whole.controls if who(network) in there)
    read = {(case.a.model.spec, case.layer_a) for case in some} | {(case.b.model.spec, case.layer_b) for case in some}
    layers = {spec: tuple(layer for layer in of if (spec, layer) in read) for spec, of in whole.layers.items()}
    design = Listed(None, names, tuple(places))
    return replace(whole, networks=networks, layers=layers, controls=controls, design=design)
