"""Tiles of pairs: every pair in one, about equal loads, and few networks in all."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest

from simbench.contracts import Design
from simbench.runs.planning import tiling
from simbench.runs.planning.tiling import held, tiled


def every(networks: int) -> np.ndarray:
    return np.array(list(combinations(range(networks), 2)))


def balanced(networks: int, fronts: int) -> np.ndarray:
    names = [str(k) for k in range(networks)]
    drawn = Design(fronts).pairs(range(networks), names, 0)
    return np.array(sorted({tuple(sorted(pair)) for pair in drawn}))


@pytest.mark.parametrize("tiles", [1, 2, 3, 7, 10, 31, 100])
@pytest.mark.parametrize("networks", [24, 100])
def test_tiles_of_all_pairs_hold_networks_times_the_root_of_the_tiles(networks, tiles):
    pairs = every(networks)
    tile = tiled(pairs, np.ones(len(pairs)), tiles)
    least = networks * math.sqrt(tiles)
    assert held(pairs, tile) <= 1.6 * least
    if networks >= 4 * tiles:  # with fewer, tiles are a few pairs, and one tile of m networks holds m (m - 1)
        assert held(pairs, tile) >= least
    loads = np.bincount(tile, minlength=tiles)
    assert loads.sum() == len(pairs) and loads.max() - loads.min() <= 2


@pytest.mark.parametrize("tiles", [2, 4, 10, 30])
def test_designs_of_few_pairs_take_less(tiles):
    pairs = balanced(100, 4)
    assert held(pairs, tiled(pairs, np.ones(len(pairs)), tiles)) < 1.2 * 100 * math.sqrt(tiles)


def test_two_groups_that_never_meet_are_two_tiles():
    pairs = np.array([*combinations((0, 2, 4, 6), 2), *combinations((1, 3, 5, 7), 2)])
    tile = tiled(pairs, np.ones(len(pairs)), 2)
    assert held(pairs, tile) == 8 and set(np.bincount(tile)) == {6}


def test_loads_are_equal_by_cost_and_not_by_number():
    pairs = every(40)
    seconds = np.random.default_rng(0).lognormal(0, 1, len(pairs))
    loads = np.bincount(tiled(pairs, seconds, 6), seconds)
    assert loads.max() - loads.min() <= seconds.max()


def test_networks_with_themselves_go_where_the_network_is():
    pairs = np.array([*every(12).tolist(), *[(k, k) for k in range(12)]])
    tile = tiled(pairs, np.ones(len(pairs)), 4)
    alone = tiled(every(12), np.ones(66), 4)
    assert held(pairs, tile) <= held(every(12), alone) + 2


def test_of_very_many_networks_neighbours_stay_together(monkeypatch):
    monkeypatch.setattr(tiling, "APART", 10)
    pairs = every(40)
    tile = tiled(pairs, np.ones(len(pairs)), 4)
    assert held(pairs, tile) <= 1.7 * 40 * 2 and np.bincount(tile).max() <= 1.2 * len(pairs) / 4


def test_nothing_to_cut():
    assert tiled(np.zeros((0, 2), int), np.zeros(0), 4).tolist() == []
    assert tiled(np.array([[0, 1]]), np.ones(1), 4).tolist() == [0]
