"""Ranks by scipy.stats, which is imported when the first is computed: a run that finds all results on record computes
none."""

from __future__ import annotations

from numpy import ndarray


def ranks(values: ndarray, axis: int) -> ndarray:
    """Mid-ranks of values along an axis.

    >>> import numpy as np
    >>> ranks(np.array([3.0, 1.0, 3.0]), 0).tolist()
    [2.5, 1.0, 2.5]
    """
    from scipy.stats import rankdata

    return rankdata(values, axis=axis)
