"""Does an index order two stitched networks as their outputs do? Statistics of all pairs of cells.

Kendall's tau counts the pairs that both order alike. In the soft pairwise accuracy those that the test inputs leave
open count less.

Sources: Kendall, "The treatment of ties in ranking problems" (1945), tau-b; Thompson, Mathur, Deutsch and Khayrallah,
"Improving statistical significance in human evaluation of automatic metrics via soft pairwise accuracy" (2024),
equation 2; there p-values of both sides, here of the target alone, because an index has none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy import ndarray
from scipy.special import ndtr

#: Pairs of cells that are compared at a time: what is computed of them fits into a processor's cache.
_PAIRS = 2**14


def kendall(xs: ndarray, ys: ndarray, _: object = None) -> ndarray:
    """(k, t) tau-b of xs (k, n) with ys (t, n): pairs of cells in the same order, less those in opposite orders, over
    the geometric mean of how many either side orders. NaN where a side orders none."""
    alike, of_x, of_y = np.zeros((len(xs), len(ys))), np.zeros(len(xs)), np.zeros(len(ys))
    for i, j in _pairs(xs.shape[1]):
        left, right = np.sign(xs[:, i] - xs[:, j]), np.sign(ys[:, i] - ys[:, j])
        alike += left @ right.T
        of_x += np.abs(left).sum(1)
        of_y += np.abs(right).sum(1)
    size = np.sqrt(np.outer(of_x, of_y))
    return alike / np.where(size > 0, size, np.nan)


def soft_pairwise_accuracy(xs: ndarray, ys: ndarray, halves: Sequence[ndarray]) -> ndarray:
    """(k, t) the mean over pairs of cells of 1 - |p - q|: q is 1 where the index (of xs, (k, n)) orders them one way, 0
    where the other and 1/2 where it ties, and p is the probability that the target (of ys, (t, n)) orders them so,
    given its noise over test inputs. In [0, 1]; 1/2 for an index that ties throughout. NaN for a target whose values on
    halves of the test inputs, (n, S, 2) for S splits, are not known.

    The noise of a difference is that between the halves: the whole has a quarter of the mean square of the difference.
    """
    known = [j for j, each in enumerate(halves) if each.shape[1] and np.isfinite(each).all()]
    products = [_products(halves[j]) for j in known]
    found, gaps = np.full((len(xs), len(ys)), np.nan), np.zeros((len(xs), len(known)))
    for i, j in _pairs(xs.shape[1]):
        order = np.sign(xs[:, i] - xs[:, j])
        up, tied = (order > 0).astype(float), (order == 0).astype(float)
        p = np.array([_probabilities(y[i] - y[j], each, i, j) for y, each in zip(ys[known], products, strict=True)])
        # |p - q| is p where q is 0; what it is more where q is 1, and where q is 1/2
        gaps += p.sum(1) + up @ (1 - 2 * p).T + tied @ (np.abs(p - 0.5) - p).T if known else 0
    found[:, known] = 1 - gaps / (xs.shape[1] * (xs.shape[1] - 1) / 2)
    return found


def _pairs(cells: int) -> Iterator[tuple[ndarray, ndarray]]:
    """All pairs i < j of cells, _PAIRS at a time."""
    first, second = np.triu_indices(cells, 1)
    return ((first[at : at + _PAIRS], second[at : at + _PAIRS]) for at in range(0, len(first), _PAIRS))


def _products(halves: ndarray) -> ndarray:
    """(n, n) mean products over splits of the differences between halves (n, S, 2)."""
    between = halves[..., 0] - halves[..., 1]
    return between @ between.T / between.shape[1]


def _probabilities(gap: ndarray, products: ndarray, i: ndarray, j: ndarray) -> ndarray:
    """That cell i is truly above cell j, whose measured difference is `gap`."""
    squares = np.diagonal(products)
    noise = np.sqrt(np.maximum(squares[i] + squares[j] - 2 * products[i, j], 0)) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(noise > 0, ndtr(gap / noise), (1 + np.sign(gap)) / 2)
