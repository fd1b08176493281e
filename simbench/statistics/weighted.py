"""Correlations of cells that count several times, or not at all, for many replicates at once.

Each replicate is a column of weights (how often a cell counts); weighted mid-ranks are cumulative sums of weights along
the order of the values. A partial correlation is that of what is left of both sides when the best linear prediction
from the covariates is subtracted.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy import ndarray

from simbench.statistics.cells import MIN_PAIRS, Cells, Replicates
from simbench.statistics.ranks import ranks

#: Mean square below which what is left of ranks, or of values of size 1, is rounding.
LEAST = 1e-24


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


def correlations(
    xs: ndarray, ys: ndarray, cells: Cells, replicates: Replicates, ranked: bool, given: ndarray | None = None
) -> ndarray:
    """(k, t, R) Pearson correlation, or Spearman's where `ranked`, of xs (k, n) with ys (t, n) in each replicate.

    given: for the partial correlation, codes 0, 1, ... of groups of cells (n,), or covariates (n, c) of the cells.
    NaN where fewer than MIN_PAIRS different pairs are left or either side does not vary.
    """
    weights, weights_x, partner = replicates.weights, replicates.weights_x, replicates.partner
    about_x = residuals(weights_x, given)
    left = [_unit(x, weights_x, ranked, about_x) for x in xs]
    if partner is not None:
        left = [np.take_along_axis(x, partner, axis=0) for x in left]
    left = [x * weights for x in left]
    about_y = residuals(weights, given)
    right = [_unit(y, weights, ranked, about_y) for y in ys]
    value = np.array([[np.einsum("nr,nr->r", x, y) for y in right] for x in left])
    pairs = np.add.reduceat(weights, cells.first_of_pair, axis=0) > 0
    return np.where(pairs.sum(axis=0) < MIN_PAIRS, np.nan, np.clip(value, -1, 1))


def unweighted(xs: ndarray, ys: ndarray, ranked: bool, given: ndarray | None = None) -> ndarray:
    """(k, t) the same correlations of cells that each count once. NaN where a side does not vary."""
    about = residuals(np.ones((xs.shape[1], 1)), given)
    left, right = (_units(about((ranks(v, 1) if ranked else scaled(v)).T)) for v in (xs, ys))
    return np.clip(left.T @ right, -1, 1)


def _units(centred: ndarray) -> ndarray:
    """Columns (n, k) of sum of squares 1; NaN where nothing is left of them."""
    square = np.square(centred).sum(axis=0)
    return centred / np.sqrt(np.where(square > LEAST * len(centred), square, np.nan))


def scaled(values: ndarray) -> ndarray:
    """Values (..., n) less their mean, the largest of size 1."""
    values = values - values.mean(axis=-1, keepdims=True)
    return values / np.maximum(np.abs(values).max(axis=-1, keepdims=True), np.finfo(float).tiny)


def residuals(weights: ndarray, given: ndarray | None) -> Callable[[ndarray], ndarray]:
    """A function of values (n, R) or (n, 1) that gives them less their weighted mean, over each group where `given` has
    groups (n,), or less their weighted least squares prediction from covariates (n, c)."""
    if given is None:
        total = np.maximum(weights.sum(axis=0), np.finfo(float).tiny)
        return lambda values: values - (weights * values).sum(axis=0) / total
    if given.ndim == 1:
        members = (given == np.arange(given.max(initial=0) + 1)[:, None]).astype(float)
        totals = members @ weights
        totals = np.where(totals > 0, totals, 1)
        return lambda values: values - members.T @ ((members @ (weights * values)) / totals)
    size = np.maximum(np.ptp(given, axis=0), np.finfo(float).tiny)
    design = np.column_stack([np.ones(len(given)), (given - given.mean(axis=0)) / size])
    inverse = np.linalg.pinv(np.einsum("nc,nr,nd->rcd", design, weights, design), rcond=1e-10, hermitian=True)

    def subtracted(values: ndarray) -> ndarray:
        slopes = np.einsum("rcd,dr->cr", inverse, design.T @ (weights * values))
        return values - design @ slopes

    return subtracted


def _unit(values: ndarray, weights: ndarray, ranked: bool, about: Callable[[ndarray], ndarray]) -> ndarray:
    """(n, R) values (or their mid-ranks) less what `about` subtracts, of weighted sum of squares 1; NaN where nothing
    is left."""
    values = midranks(values, weights) if ranked else scaled(values)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        total = weights.sum(axis=0)
        centred = about(values)
        square = np.einsum("nr,nr,nr->r", weights, centred, centred)
        return centred / np.sqrt(np.where(square > LEAST * total, square, np.nan))
