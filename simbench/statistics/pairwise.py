"""Does an index order two stitched networks as their outputs do? Pairs that the test inputs leave open count less.

Source: Thompson, Mathur, Deutsch and Khayrallah, "Improving statistical significance in human evaluation of automatic
metrics via soft pairwise accuracy" (2024), equation 2; there p-values of both sides, here of the target alone, because
an index has none.
"""

from __future__ import annotations

import numpy as np
from numpy import ndarray
from scipy.special import ndtr


def soft_pairwise_accuracy(x: ndarray, y: ndarray, halves: ndarray) -> float:
    """The mean over pairs of cells of 1 - |p - q|: q is 1 where the index x (n,) orders them one way, 0 where the other
    and 1/2 where it ties, and p is the probability that the target y (n,) orders them so, given its noise over test
    inputs. In [0, 1]; 1/2 for an index that ties throughout. NaN where halves (n, S, 2), y on halves of the test inputs
    for S splits, are not known.

    The noise of a difference is that between the halves: the whole has a quarter of the mean square of the difference.
    """
    if not halves.shape[1] or not np.isfinite(halves).all():
        return np.nan
    first, second = np.triu_indices(len(x), 1)
    between = halves[..., 0] - halves[..., 1]
    products = between @ between.T / between.shape[1]
    squares = np.diagonal(products)
    noise = np.sqrt(np.maximum(squares[first] + squares[second] - 2 * products[first, second], 0)) / 2
    gap = y[first] - y[second]
    with np.errstate(divide="ignore", invalid="ignore"):
        p = np.where(noise > 0, ndtr(gap / noise), (1 + np.sign(gap)) / 2)
    q = (1 + np.sign(x[first] - x[second])) / 2
    return float(1 - np.abs(p - q).mean())
