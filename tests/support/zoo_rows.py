"""Pairs of rows of every shape, rank and scale, for the indices that are computed from samples."""

import numpy as np
from paired_rows import correlated, rotation


def _low_rank():
    """A side of 24 features that has rank 6."""
    a, b = correlated(80, 6, 9, seed=20)
    return a @ np.random.default_rng(21).normal(size=(6, 24)), b


def _scales():
    """Features of 1e-3 to 1e3 in one matrix."""
    a, b = correlated(90, 12, 8, seed=22)
    return a * np.logspace(-3, 3, 12), b * np.logspace(3, -3, 8)


def _turned():
    """Rotated and scaled copies with noise of 1 %."""
    a = np.random.default_rng(23).normal(size=(70, 9)) * np.linspace(1, 3, 9)
    return a, 40 * (a + 0.01 * np.random.default_rng(24).normal(size=a.shape)) @ rotation(9, 25)


def _convolutional():
    """Float32 activations of 64 inputs, 8 channels and 6 x 6 positions, flat, after a ReLU."""
    a, b = correlated(64, 288, 288, seed=26)
    return tuple(np.maximum(x, 0).astype(np.float32) for x in (a / 17, b / 17))


def _dead():
    a, b = correlated(60, 7, 5, seed=27)
    a[:, 2], b[:, 0] = 7.3, -1e5 / 3
    return a, b


#: name -> a function that makes the pair
ROWS = {
    "p below q": lambda: correlated(120, 20, 30, seed=28),
    "p above q": lambda: correlated(100, 30, 20, seed=29),
    "fewer rows than features": lambda: correlated(50, 100, 80, seed=30),
    "rank 6 of 24": _low_rank,
    "feature scales 1e-3 to 1e3": _scales,
    "rotated and scaled": _turned,
    "dead features": _dead,
    "float32 convolutions": _convolutional,
}
