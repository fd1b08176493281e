"""Tiles by layers or by pairs: whichever has workers repeat less, within their memory."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from simbench.runs.planning.layering import Shares, layered
from simbench.runs.planning.tiling import tiled


def shares(each=1.0, side=0.0, run=0.0, memory=1e9, depth=(1.0, 1.0, 1.0, 1.0), number=6) -> Shares:
    """All pairs of some networks at some layers, two kinds of cases on each. side: shared by those of the first kind.
    depth: times as much as `each`, by layer. Activations of a network at a layer take a byte."""
    pairs = list(permutations(range(number), 2))
    rows = [(layer, kind, a, b) for layer in range(len(depth)) for a, b in pairs for kind in (0, 1)]
    layer, kind, a, b = np.array(rows).T
    networks = np.stack([a, b], 1)
    return Shares(
        each * np.array(depth)[layer],
        layer,
        kind,
        networks,
        networks * len(depth) + layer[:, None],
        np.array([side, 0.0]),
        np.full(number, run),
        np.ones(number * len(depth)),
        memory,
    )


def by_pairs(given: Shares):
    return lambda cases, tiles: tiled(given.networks[cases], given.seconds[cases], tiles)


def cut(given: Shares, count: int) -> np.ndarray:
    return layered(given, count, by_pairs(given))


def layers_of(given: Shares, tile: np.ndarray) -> list[set[int]]:
    return [set(given.layer[tile == number].tolist()) for number in range(tile.max() + 1)]


def test_what_a_tile_takes_is_counted_by_hand():
    """Two tiles of two layers each: 60 cases a layer, 6 networks that share at each of them, and 6 passes."""
    given = shares(side=10.0, run=100.0)
    np.testing.assert_allclose(given.spent((given.layer > 1).astype(int)), 2 * 60 + 2 * 6 * 10 + 6 * 100)
    few = (given.networks.min(1) > 0).astype(int)  # the pairs of network 0, and those of the five others
    np.testing.assert_allclose(given.spent(few), [4 * 20 + 4 * 6 * 10 + 6 * 100, 4 * 40 + 4 * 5 * 10 + 5 * 100])
    short = shares(side=10.0, run=100.0, memory=5.5)
    np.testing.assert_allclose(short.spent(few), [4 * 20 + 4 * 6 * 10 + 4 * 6 * 100, 4 * 40 + 4 * 5 * 10 + 5 * 100])


@pytest.mark.parametrize("count", [2, 4])
def test_layers_are_cut_apart_where_networks_share_much_at_a_layer(count):
    given = shares(side=10.0)
    found = layers_of(given, cut(given, count))
    assert sorted(layer for layers in found for layer in layers) == [0, 1, 2, 3], "no layer is in two tiles"
    assert len(found) == count and all(max(layers) - min(layers) == len(layers) - 1 for layers in found)


def test_more_tiles_than_layers_are_cut_by_pairs_too():
    given = shares(side=10.0)
    tile = cut(given, 8)
    assert tile.max() == 7 and all(len(layers) == 1 for layers in layers_of(given, tile))


def test_pairs_are_cut_apart_where_passes_cost_more():
    given = shares(run=100.0)
    assert (cut(given, 4) == by_pairs(given)(np.arange(len(given.seconds)), 4)).all()


@pytest.mark.parametrize(("memory", "by_layers"), [(8.0, True), (7.5, False)])
def test_layers_are_cut_apart_where_all_networks_fit_into_memory(memory, by_layers):
    """All eight networks, or six of them: a tile of pairs."""
    given = shares(side=8.0, run=50.0, memory=memory, depth=(1.0,) * 8, number=8)
    found = layers_of(given, cut(given, 4))
    assert {len(layers) for layers in found} == ({2} if by_layers else {8})


def test_dear_layers_have_fewer_beside_them():
    given = shares(side=10.0, depth=(5.0, 1.0, 1.0, 1.0))
    assert layers_of(given, cut(given, 2)) == [{0}, {1, 2, 3}]
