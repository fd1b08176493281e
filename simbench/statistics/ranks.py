"""Ranks and correlations by scipy.stats, which is imported when the first is computed: a run that finds all results on
record computes none."""

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


def spearman(x: ndarray, y: ndarray, _: ndarray) -> float:
    from scipy.stats import spearmanr

    return spearmanr(x, y).statistic


def pearson(x: ndarray, y: ndarray, _: ndarray) -> float:
    from scipy.stats import pearsonr

    return pearsonr(x, y).statistic


def kendall(x: ndarray, y: ndarray, _: ndarray) -> float:
    """tau-b"""
    from scipy.stats import kendalltau

    return kendalltau(x, y, method="asymptotic").statistic
