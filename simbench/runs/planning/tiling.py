"""Tiles of pairs: pairs cut into tiles of about equal cost that hold few networks each.

Every worker loads and runs the networks of its tile, so the forward passes of a run are as many as the networks of all
tiles together. A tile of m networks holds at most m^2 ordered pairs, so W equal tiles of all pairs of N networks hold
at least N sqrt(W) networks together.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

#: Most networks that are told apart: of more, neighbours stay together.
APART = 2048


def tiled(pairs: np.ndarray, seconds: np.ndarray, tiles: int) -> np.ndarray:
    """The tile, 0 to tiles - 1, of each pair; the loads of two tiles differ by about one pair.

    pairs: (p, 2) numbers of the networks of each pair, smaller than p, in either order, each pair once; a network may
    be paired with itself. seconds: (p,) cost of each pair.

    Tiles are grown one after the other, network by network: each takes the network that has most left to measure with
    those that it holds. Of all pairs of N networks, W tiles hold 1.2 to 1.5 N sqrt(W) networks together; of designs
    where each network is in few pairs, less than that.
    """
    if len(pairs) == 0 or tiles < 2:
        return np.zeros(len(pairs), np.int64)
    seconds = np.maximum(np.asarray(seconds, np.float64), 1e-9)
    names, places = np.unique(pairs, return_inverse=True)
    places = places.reshape(-1, 2)
    if len(names) > APART:
        places = places * APART // len(names)
    numbers, pair = np.unique(np.sort(places, 1) @ [len(names), 1], return_inverse=True)
    a, b = np.divmod(numbers, len(names))
    costs = np.bincount(pair, seconds)
    left = np.zeros((places.max() + 1,) * 2)
    number = np.zeros(left.shape, np.int64)
    left[a, b] = left[b, a] = costs
    number[a, b] = number[b, a] = np.arange(len(a))
    cut, rest = np.zeros(len(a), np.int64), float(costs.sum())
    for tile in range(tiles):
        room = rest / (tiles - tile)
        for taken in _taken(left, room, number, last=tile == tiles - 1):
            cut[taken] = tile
            rest -= costs[taken]
    return cut[pair]


def held(pairs: np.ndarray, tile: np.ndarray) -> int:
    """How many networks all tiles hold together."""
    members = np.repeat(tile, 2) * (int(pairs.max(initial=0)) + 1) + pairs.reshape(-1)
    return len(np.unique(members))


def _taken(left: np.ndarray, room: float, number: np.ndarray, last: bool) -> Iterator[int]:
    """Pairs of one more tile, which are then 0 in `left`, of `room` seconds to within half a pair. left, number: cost
    and number of the pair of two networks."""
    inside, gain, spent = np.zeros(len(left), bool), np.zeros(len(left)), 0.0
    while True:
        best = np.where(inside, -1.0, gain)
        if best.max() <= 0:  # nothing is left with those inside
            best = np.where(inside, -1.0, left.sum(1))
            if best.max() <= 0:
                return
        new = int(best.argmax())
        inside[new] = True
        for other in np.flatnonzero((left[new] > 0) & inside):
            cost = left[new, other]
            if not last and spent and spent + cost / 2 > room:
                return
            spent += cost
            left[new, other] = left[other, new] = 0.0
            yield int(number[new, other])
        gain += left[new]
