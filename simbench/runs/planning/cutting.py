"""Cutting the cases of a part among tiles of about equal cost."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from simbench.contracts.case import Case
from simbench.contracts.selection import Network
from simbench.runs.cases import Cases
from simbench.runs.placeholders import UNTRAINED
from simbench.runs.planning.layering import Shares, layered
from simbench.runs.planning.tiling import tiled

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
class Work:
    """Cases with what they cost. seconds: (n,) of each alone. networks: (n, 2) numbers of both sides. shares: what they
    share; None where that is not known."""

    cases: Cases
    seconds: np.ndarray
    networks: np.ndarray
    shares: Shares | None = None

    @classmethod
    def of(cls, cases: Iterable[Case], cost: Cost, shared: Shared | None = None) -> Work:
        """The work that cases are."""
        cases = Cases.of(cases)
        seconds = np.fromiter(map(cost, cases), np.float64, len(cases))
        networks = _numbered(cases, lambda case: (who(case.a), who(case.b)))
        return cls(cases, seconds, networks, shared and _shares(cases, seconds, networks, shared))

    @property
    def spent(self) -> float:
        """Seconds of one worker, with what the cases share."""
        whole = np.zeros(len(self.seconds), np.int64)
        return float(self.seconds.sum() if self.shares is None else self.shares.spent(whole).sum())

    def cut(self, count: int) -> list[Cases]:
        """Cases in about `count` tiles of about equal cost: by pairs, or by layers first where cases then repeat less
        of what they share."""

        def by_pairs(some: np.ndarray, tiles: int) -> np.ndarray:
            return _by_pairs(self.networks[some], self.seconds[some], tiles)

        if self.shares is None or count == 1:
            tile = by_pairs(np.arange(len(self.cases)), count)
        else:
            tile = layered(self.shares, count, by_pairs)
        order = np.argsort(tile, kind="stable")
        bounds = np.flatnonzero(np.diff(tile[order], prepend=-1))
        return [self.cases.take(some) for some in np.split(order, bounds[1:])]


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
    layers: dict[tuple[str, str], int] = {}
    places: dict[tuple[str, str], int] = {}
    kind, layer = (np.empty(len(cases), np.int64) for _ in range(2))
    sides = np.empty((len(cases), 2), np.int64)
    each, held, passes = [], [], np.zeros(networks.max() + 1)
    for n, (case, numbers) in enumerate(zip(cases, networks.tolist(), strict=True)):
        kind[n] = kinds.setdefault(shared.kind(case), len(kinds))
        if len(each) < len(kinds):
            each.append(shared.each(case))
        layer[n] = layers.setdefault((case.setting.fingerprint, case.layer_a), len(layers))
        for side, (network, name) in enumerate(((case.a, case.layer_a), (case.b, case.layer_b))):
            place = sides[n, side] = places.setdefault((who(network), name), len(places))
            if len(held) < len(places):
                held.append(0.0)
            held[place] = max(held[place], shared.held(case, network, name))
            passes[numbers[side]] = passes[numbers[side]] or shared.run(network)
    return Shares(seconds, layer, kind, networks, sides, np.array(each), passes, np.array(held), shared.memory)


def _numbered(cases: Cases, names: Callable[[Case], tuple[Any, Any]]) -> np.ndarray:
    """(n, 2) numbers of two names of each case, in the order in which they come."""
    numbers: dict[Any, int] = {}
    places = (numbers.setdefault(name, len(numbers)) for case in cases for name in names(case))
    return np.fromiter(places, np.int64, 2 * len(cases)).reshape(-1, 2)


def who(network: Network) -> str:
    """What tells networks apart that run on their own: their content, and their name before they are trained."""
    return network.content if network.weights != UNTRAINED else f"{network.fingerprint} {network.name}"
