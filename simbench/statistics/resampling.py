"""Correlations over pairs of networks under resampled and relabelled networks.

Pairs that share a network are not independent, so what is drawn is networks, never pairs. A correlation of
cells is recomputed for many replicates at once: each replicate is a column of weights (how often a cell
counts), and weighted mid-ranks are cumulative sums of weights along the order of the values.

Sources: Snijders and Borgatti, "Non-parametric standard errors and tests for network statistics" (1999), for
one model, and Owen, "The pigeonhole bootstrap" (2007), for two, where a pair weighs the product of the
multiplicities of its ends; the former fill in pairs of a network with itself, which are left out here. Mantel,
"The detection of disease clustering and a generalized regression approach" (1967), for relabelling.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy import ndarray

#: A correlation of fewer different pairs is not defined: two points are always on a line.
MIN_PAIRS = 3
#: Weights in one array: 2 MB, for a processor's cache.
_CHUNK = 2**18


@dataclass(frozen=True, eq=False)
class Cells:
    """n places where an index and a stitched accuracy meet: (front network, end network, layer).

    a, b, layer: (n,) integer codes, in ascending order of (a, b, layer), no place twice.
    shared: both sides are networks of one model: a code means the same network on either side, a != b.
    """

    a: ndarray
    b: ndarray
    layer: ndarray
    shared: bool

    def at(self, rows: ndarray) -> Cells:
        return Cells(self.a[rows], self.b[rows], self.layer[rows], self.shared)

    @property
    def n(self) -> int:
        return len(self.a)

    @cached_property
    def pairs(self) -> int:
        return len(self.first_of_pair)

    @cached_property
    def layers(self) -> int:
        return len(np.unique(self.layer))

    @cached_property
    def first_of_pair(self) -> ndarray:
        """Where each pair begins."""
        change = (np.diff(self.a, prepend=-1) != 0) | (np.diff(self.b, prepend=-1) != 0)
        return np.flatnonzero(change)

    @cached_property
    def networks(self) -> int:
        """Number of networks; of two models, that of the model with fewer."""
        if self.shared:
            return len(np.union1d(self.a, self.b))
        return min(len(np.unique(self.a)), len(np.unique(self.b)))

    @cached_property
    def sizes(self) -> tuple[int, int]:
        """How many codes each side has."""
        a, b = self.a.max() + 1, self.b.max() + 1
        return (max(a, b),) * 2 if self.shared else (a, b)


@dataclass(frozen=True, eq=False)
class Replicates:
    """R replicates of n cells, one per column.

    weights: (n, R) how often each cell counts.
    partner: (n, R) the cell whose x stands opposite to this cell's y, -1 for none; None: its own.
    """

    weights: ndarray
    partner: ndarray | None = None

    def at(self, rows: ndarray) -> Replicates:
        """The same replicates of some cells; partners must be among them."""
        if self.partner is None:
            return Replicates(self.weights[rows])
        place = np.full(len(self.weights) + 1, -1)
        place[rows] = np.arange(len(rows))
        return Replicates(self.weights[rows], place[self.partner[rows]])

    @property
    def weights_x(self) -> ndarray:
        """(n, R) how often the x of each cell counts."""
        if self.partner is None:
            return self.weights
        weights = np.zeros((len(self.weights) + 1, self.weights.shape[1]))
        np.put_along_axis(weights, self.partner, self.weights, axis=0)  # -1 is the row that is cut off
        return weights[:-1]


def generator(*key: str | int) -> np.random.Generator:
    """A generator that depends on nothing but `key`."""
    digest = hashlib.sha256(json.dumps(key).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))


def resampled(cells: Cells, resamples: int, rng: np.random.Generator) -> Iterator[Replicates]:
    """Networks drawn with replacement: cell (i, j) weighs m_i m_j; pairs of a network with itself are not cells."""

    def draw(n):
        return rng.multinomial(n, np.full(n, 1 / n), size=resamples).T.astype(np.float64)

    n_a, n_b = cells.sizes
    m_a = draw(n_a)
    m_b = m_a if cells.shared else draw(n_b)
    for columns in _chunks(cells.n, resamples):
        yield Replicates(m_a[cells.a, columns] * m_b[cells.b, columns])


def exact(cells: Cells, permutations: int) -> bool:
    """Are all relabellings of the networks no more than `permutations`?"""
    n_a, n_b = cells.sizes
    return math.factorial(n_a) * (1 if cells.shared else math.factorial(n_b)) <= permutations


def relabelled(cells: Cells, permutations: int, rng: np.random.Generator) -> Iterator[Replicates]:
    """The networks of x renamed, in all layers alike: all ways where these are no more than `permutations`,
    else as many random ones. Cells whose partner is missing count nothing."""
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


def midranks(values: ndarray, weights: ndarray) -> ndarray:
    """(n, R) mid-ranks of values (n,), as if value i were there weights[i, r] times; exact, ties included."""
    order = np.argsort(values, kind="stable")
    ascending = values[order]
    last = np.flatnonzero(np.append(ascending[1:] != ascending[:-1], True))  # of each group of ties
    upto = np.cumsum(weights[order], axis=0)[last]
    below = np.concatenate([np.zeros((1, weights.shape[1])), upto[:-1]])
    group = np.empty(len(values), dtype=np.intp)
    group[order] = np.repeat(np.arange(len(last)), np.diff(last, prepend=-1))
    return ((below + upto + 1) / 2)[group]


def correlations(xs: ndarray, ys: ndarray, cells: Cells, replicates: Replicates, ranked: bool) -> ndarray:
    """(k, t, R) Pearson correlation, or Spearman's where `ranked`, of xs (k, n) with ys (t, n) in each replicate.

    NaN where fewer than MIN_PAIRS different pairs are left or either side does not vary.
    """
    weights, weights_x, partner = replicates.weights, replicates.weights_x, replicates.partner
    left = [_unit(x, weights_x, ranked) for x in xs]
    if partner is not None:
        left = [np.take_along_axis(x, partner, axis=0) for x in left]
    left = [x * weights for x in left]
    right = [_unit(y, weights, ranked) for y in ys]
    value = np.array([[np.einsum("nr,nr->r", x, y) for y in right] for x in left])
    pairs = np.add.reduceat(weights, cells.first_of_pair, axis=0) > 0
    return np.where(pairs.sum(axis=0) < MIN_PAIRS, np.nan, np.clip(value, -1, 1))


def _unit(values: ndarray, weights: ndarray, ranked: bool) -> ndarray:
    """(n, R) values (or their mid-ranks), of weighted mean 0 and weighted sum of squares 1; NaN where constant."""
    if ranked:
        values = midranks(values, weights)
    else:
        values = values - values.mean()
        values = (values / max(np.abs(values).max(), np.finfo(float).tiny))[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        total = weights.sum(axis=0)
        centred = values - (weights * values).sum(axis=0) / total
        square = np.einsum("nr,nr,nr->r", weights, centred, centred)
        return centred / np.sqrt(np.where(square > 1e-24 * total, square, np.nan))
