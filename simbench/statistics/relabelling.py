"""Networks left out and relabelled.

Source: Mantel, "The detection of disease clustering and a generalized regression approach" (1967), for relabelling.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Iterator

import numpy as np
from numpy import ndarray

from simbench.statistics.cells import Cells, Replicates

#: Number of weights in one array: 2 MB, which fits into a processor's cache.
_CHUNK = 2**18


def generator(*key: str | int) -> np.random.Generator:
    """A random generator that depends on `key` alone."""
    digest = hashlib.sha256(json.dumps(key).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))


def without_network(cells: Cells) -> Replicates:
    """One replicate for each network, without its cells: for each front, then each end; where both sides are of one
    model, without the network as either."""
    a, b = (np.arange(size) for size in cells.sizes)
    left_a, left_b = cells.a[:, None] == a, cells.b[:, None] == b
    left = left_a | left_b if cells.shared else np.hstack([left_a, left_b])
    return Replicates(1.0 - left)


def without_pair(cells: Cells, pairs: ndarray, count: int) -> Replicates:
    """One replicate for each of `count` pairs, without its cells. pairs: (n,) the pair of each cell."""
    return Replicates(1.0 - (pairs[:, None] == np.arange(count)))


def exact(cells: Cells, permutations: int) -> bool:
    """Are all relabellings of the networks no more than `permutations`?"""
    n_a, n_b = cells.sizes
    return math.factorial(n_a) * (1 if cells.shared else math.factorial(n_b)) <= permutations


def relabelled(cells: Cells, permutations: int, rng: np.random.Generator) -> Iterator[Replicates]:
    """The networks of x relabelled, in all layers alike: all relabellings if there are at most `permutations`,
    otherwise that many random ones. Cells without a partner have weight 0."""
    to_a, to_b = _relabellings(cells, permutations, rng)
    place = np.full((*cells.sizes, cells.layer.max() + 1), -1)
    place[cells.a, cells.b, cells.layer] = np.arange(cells.n)
    for columns in _chunks(cells.n, len(to_a)):
        partner = place[to_a[columns].T[cells.a], to_b[columns].T[cells.b], cells.layer[:, None]]
        yield Replicates((partner >= 0).astype(np.float64), partner)


def _relabellings(cells: Cells, permutations: int, rng: np.random.Generator) -> tuple[ndarray, ndarray]:
    """(R, networks) new code of each network of a and of b."""
    n_a, n_b = cells.sizes
    if exact(cells, permutations):
        to_a, to_b = (np.array(list(itertools.permutations(range(n)))) for n in (n_a, n_b))
        if not cells.shared:
            to_a, to_b = np.repeat(to_a, len(to_b), axis=0), np.tile(to_b, (len(to_a), 1))
        return to_a, to_b
    to_a, to_b = (rng.permuted(np.tile(np.arange(n), (permutations, 1)), axis=1) for n in (n_a, n_b))
    return to_a, to_a if cells.shared else to_b


def _chunks(n: int, replicates: int) -> Iterator[slice]:
    step = max(1, _CHUNK // n)
    return (slice(start, start + step) for start in range(0, replicates, step))
