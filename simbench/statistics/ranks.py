"""Ranks by pandas, whose module is there already: the one of scipy takes half a second to be imported."""

from __future__ import annotations

import math

import numpy as np
import pandas
from numpy import ndarray


def ranks(values: ndarray, axis: int = -1) -> ndarray:
    """Mid-ranks of values along an axis; NaN all along it where one is NaN.

    >>> ranks(np.array([3.0, 1.0, 3.0])).tolist()
    [2.5, 1.0, 2.5]
    >>> ranks(np.array([[3.0, 1.0], [2.0, np.nan]]), 0).tolist()
    [[2.0, nan], [1.0, nan]]
    """
    moved = np.moveaxis(values, axis, 0)
    flat = moved.reshape(len(moved), math.prod(moved.shape[1:]))
    found = pandas.DataFrame(flat).rank().to_numpy(copy=True)
    found[:, np.isnan(flat).any(0)] = np.nan
    return np.moveaxis(found.reshape(moved.shape), 0, axis)
