"""Pairs of rows of every shape, rank and scale, on which indices of samples are compared with their references."""

import numpy as np
from paired_rows import correlated, rotation


def _conv():
    """Float32 features of 64 maps of 8 channels after a rectifier, as rows."""
    rng = np.random.default_rng(6)
    maps = rng.normal(size=(64, 8, 6, 6)).astype(np.float32)
    other = np.einsum("nchw,cd->ndhw", maps, rng.normal(size=(8, 5)).astype(np.float32))
    return np.maximum(maps, 0).reshape(64, -1), np.maximum(other, 0).reshape(64, -1)


def _low_rank():
    a, b = correlated(60, 6, 10, seed=3)
    return a @ np.random.default_rng(4).normal(size=(6, 24)), b


def _scales():
    a, b = correlated(60, 20, 12, seed=5)
    return a * np.logspace(-3, 3, 20), b * np.logspace(3, -3, 12)


def _copies():
    a = correlated(60, 12, 2, seed=7)[0]
    return a, 3 * a @ rotation(12, 8)


def _twice():
    """Every row of the second half is one of the first, on either side."""
    a, b = correlated(50, 6, 9, seed=9)
    a[25:], b[25:] = a[:25], b[:25]
    return a, b


def _dead():
    a, b = correlated(60, 7, 5, seed=27)
    a[:, 2], b[:, 0] = 7.3, -1e5 / 3
    return a, b


#: name -> a function that makes the pair
ROWS = {
    "200x20 against 200x30": lambda: correlated(200, 20, 30, seed=1),
    "160x30 against 160x20": lambda: correlated(160, 30, 20, seed=2),
    "50x100 against 50x80": lambda: correlated(50, 100, 80, seed=10),
    "a side of rank 6": _low_rank,
    "scales 1e-3 to 1e3": _scales,
    "rotated and scaled": _copies,
    "rows twice": _twice,
    "dead features": _dead,
    "float32 conv features": _conv,
}
