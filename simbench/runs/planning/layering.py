"""Tiles of layers: cases cut by layers first and by pairs then, so that workers repeat little of what cases share.

A worker of all pairs at a few layers computes alone what networks share there (moments, prepared states), and runs each
network from its inputs to these layers once more than one worker would. A worker of a few pairs at all layers shares
both with the workers that have pairs of the same networks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np


@dataclass(frozen=True)
class Shares:
    """What n cases share. Numbers count from 0.

    seconds: (n,) of each case alone. layer: (n,) in order of depth. kind: (n,) of those whose `shared` is the same.
    networks: (n, 2) of both sides. sides: (n, 2) of both networks at their layers. shared: (kinds,) seconds for each
    side of a kind in a tile. passes: (networks,) seconds of a forward pass. held: (sides,) bytes of activations.
    memory: bytes that those of a tile at a layer may take.
    """

    seconds: np.ndarray
    layer: np.ndarray
    kind: np.ndarray
    networks: np.ndarray
    sides: np.ndarray
    shared: np.ndarray
    passes: np.ndarray
    held: np.ndarray
    memory: float

    def spent(self, tile: np.ndarray) -> np.ndarray:
        """(tiles,) seconds of each tile: its cases, what they share, and a pass of each of its networks; one for each
        layer where the activations do not stay in memory. tile: (n,) of each case."""
        count = int(tile.max()) + 1
        found = np.bincount(tile, self.seconds, count)
        at, kind, _ = _distinct(tile, self.kind, self.sides)
        found += np.bincount(at, self.shared[kind], count)
        at, network = _distinct(tile, None, self.networks)
        passes = np.bincount(at, self.passes[network], count)
        at, layer, side = _distinct(tile, self.layer, self.sides)
        layers = int(self.layer.max()) + 1
        held = np.bincount(at * layers + layer, self.held[side], count * layers).reshape(count, layers)
        there = np.bincount(np.unique(tile * layers + self.layer), minlength=count * layers).reshape(count, layers)
        return found + passes * np.where(held.max(1) > self.memory, there.sum(1), 1)


def layered(shares: Shares, count: int, by_pairs: Callable[[np.ndarray, int], np.ndarray]) -> np.ndarray:
    """The tile of each case, of about `count`. by_pairs: cuts cases, given by their numbers, into some tiles by pairs.

    Layers are cut into some runs of neighbours that cost about the same, and each run by pairs into its share of the
    tiles. Of the numbers of runs the one is taken whose most expensive tile costs least.
    """
    layers = int(shares.layer.max()) + 1
    costs = _of_layers(shares, layers)
    best: np.ndarray = by_pairs(np.arange(len(shares.seconds)), count)
    least = shares.spent(best).max()
    for number in _numbers(min(count, layers)):
        tile = np.zeros(len(best), np.int64)
        at = 0
        for run, part in _runs(costs, number, count):
            cases = np.flatnonzero(np.isin(shares.layer, run))
            inside = by_pairs(cases, part)
            tile[cases] = at + inside
            at += int(inside.max()) + 1
        most = shares.spent(tile).max()
        if most < least:
            best, least = tile, most
    return best


def _of_layers(shares: Shares, layers: int) -> np.ndarray:
    """(layers,) seconds of the cases at each layer, with what they share there."""
    at, kind, _ = _distinct(shares.layer, shares.kind, shares.sides)
    return np.bincount(shares.layer, shares.seconds, layers) + np.bincount(at, shares.shared[kind], layers)


def _numbers(most: int) -> list[int]:
    """Numbers of runs that are tried: 2, 4, 8 and so on, and the most."""
    powers = [2**power for power in range(1, most.bit_length()) if 2**power < most]
    return [*powers, most] if most > 1 else []


def _runs(costs: np.ndarray, number: int, count: int) -> Iterator[tuple[np.ndarray, int]]:
    """Runs of neighbouring layers of about equal cost, and how many of the tiles each is cut into."""
    upto = np.cumsum(costs) - costs / 2
    run = np.minimum(upto / costs.sum() * number, number - 1).astype(int)
    layers = [np.flatnonzero(run == each) for each in np.unique(run)]
    bounds = np.cumsum([0.0, *(costs[some].sum() for some in layers)]) / costs.sum() * (count - len(layers))
    for some, (low, high) in zip(layers, pairwise(np.round(bounds).astype(int)), strict=True):
        yield some, 1 + int(high - low)


def _distinct(tile: np.ndarray, of: np.ndarray | None, both: np.ndarray) -> tuple[np.ndarray, ...]:
    """The distinct (tile, of, one of both) of all cases, as an array of each."""
    parts = [np.repeat(each, 2) for each in (tile, of) if each is not None] + [both.reshape(-1)]
    sizes = [int(part.max(initial=0)) + 1 for part in parts]
    found = np.unique(np.ravel_multi_index(parts, sizes))
    return tuple(np.unravel_index(found, sizes))
