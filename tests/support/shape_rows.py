"""Paired rows of all the kinds that an index of shapes, neurons or regressions must bear: a (n, p) and b (n, q)."""

from functools import cache

import numpy as np


def related(n, p, q, seed):
    """Leakily rectified mixtures of shared and own signals, with means and scales of their own."""
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=(n, min(p, q)))
    sides = []
    for width in (p, q):
        mixed = hidden @ rng.normal(size=(hidden.shape[1], width)) / hidden.shape[1] ** 0.5
        mixed = mixed + 0.5 * rng.normal(size=(n, width)) + rng.normal(size=width)
        sides.append(np.maximum(mixed, 0.1 * mixed) * rng.uniform(0.5, 3, size=width))
    return sides


def turned(x, seed, scale):
    """x rotated and scaled."""
    return scale * x @ np.linalg.qr(np.random.default_rng(seed).normal(size=(x.shape[1],) * 2))[0]


def _low_rank():
    a, b = related(200, 6, 24, seed=4)
    return a @ np.random.default_rng(5).normal(size=(6, 24)), b


def _scales():
    a, b = related(200, 13, 9, seed=6)
    return a * np.logspace(-3, 3, 13), b * np.logspace(3, -3, 9)


def _dead_and_repeated():
    a, b = related(120, 10, 8, seed=9)
    a[:, 3], a[:, 7], b[:, 2] = 0.0, 7.3, -1e3 / 3  # constant features
    a[60:], b[60:] = a[:60], b[:60]  # every row twice
    return a, b


def convolved(seed):
    """Rectified responses of 8 filters to 64 images of 8 x 8, (64, 8 * 6 * 6) in float32."""
    images = np.random.default_rng(7).normal(size=(64, 8, 8)).astype(np.float32)
    filters = np.random.default_rng(seed).normal(size=(8, 3, 3)).astype(np.float32)
    patches = np.lib.stride_tricks.sliding_window_view(images, (3, 3), axis=(1, 2))
    return np.maximum(np.einsum("nhwij,cij->nchw", patches, filters), 0).reshape(64, -1)


#: name -> function that makes the pair.
ROWS = {
    "200x20 against 200x30": lambda: related(200, 20, 30, seed=1),
    "160x30 against 160x20": lambda: related(160, 30, 20, seed=2),
    "50x100 against 50x80": lambda: related(50, 100, 80, seed=3),
    "rank 6 of 24 features": _low_rank,
    "scales from 1e-3 to 1e3": _scales,
    "rotated and scaled": lambda: (x := related(200, 12, 12, seed=8)[0], turned(x, 1, 3.0)),
    "rotated": lambda: (x := related(200, 12, 12, seed=8)[0], turned(x, 2, 1.0)),
    "dead features and rows twice": _dead_and_repeated,
    "float32 convolutions": lambda: (convolved(10), convolved(11)),
}


@cache
def rows(name):
    """The pair of that name, made once; not to be written to."""
    a, b = ROWS[name]()
    for x in (a, b):
        x.flags.writeable = False
    return a, b
