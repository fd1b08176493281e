"""Correlations of weighted cells, for many replicates at once.

Each replicate is a column of weights (how often a cell counts); weighted mid-ranks are cumulative sums of weights along
the order of the values.
"""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from simbench.statistics.cells import MIN_PAIRS, Cells, Replicates


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
