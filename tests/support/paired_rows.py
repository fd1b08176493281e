"""Paired rows of known condition, for tests: a (n, p) and b (n, q) that share part of their signal."""

import numpy as np

CLOSE, ILL = 1e-9, 1e-5


def correlated(n, p, q, seed=0, noise=1.0):
    """Gaussian a and b with canonical correlations spread between 0 and 1."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(n, min(p, q)))
    a = shared @ rng.normal(size=(min(p, q), p)) + noise * rng.normal(size=(n, p))
    b = shared @ rng.normal(size=(min(p, q), q)) + noise * rng.normal(size=(n, q))
    return a, b


def rotation(p, seed):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(p, p)))[0]


def conditioned(x, condition, seed=0):
    """The column space of centred x with log-spaced singular values from sqrt(n) down, randomly rotated."""
    q = np.linalg.qr(x - x.mean(0))[0]
    n, p = q.shape
    return q * np.logspace(0, -np.log10(condition), p) * np.sqrt(n) @ rotation(p, seed)


def _wide_b():
    return correlated(50, 5, 8)


def _wide_a():
    return correlated(50, 8, 5, seed=1)


def _condition(condition):
    a, b = correlated(60, 6, 9, seed=2)
    return conditioned(a, condition, 3), conditioned(b, condition, 4)


def _fewer_rows_than_features():
    return correlated(11, 20, 14, seed=5)


def _wide_of_low_rank():
    """More features than rows, yet few directions: no correlation is 1 for lack of rows."""
    a, b = correlated(20, 3, 4, seed=14)
    rng = np.random.default_rng(15)
    return a @ rng.normal(size=(3, 30)) + 5, b @ rng.normal(size=(4, 25)) - 1


def _rank_deficient_a():
    a, b = correlated(50, 3, 5, seed=6)
    return a @ np.random.default_rng(7).normal(size=(3, 6)), b


def _rank_deficient_both():
    a, b = correlated(50, 3, 4, seed=8)
    rng = np.random.default_rng(9)
    return a @ rng.normal(size=(3, 6)), b @ rng.normal(size=(4, 5))


def _offset(size):
    a, b = correlated(50, 6, 4, seed=10)
    return a + size * (1 + np.arange(6)), b - size


def _feature_scales():
    a, b = correlated(50, 7, 5, seed=11)
    return a * np.logspace(-6, 6, 7), b * np.logspace(6, -6, 5)


def _dead_features():
    a, b = correlated(50, 6, 5, seed=12)
    a[:, 2], a[:, 4], b[:, 0] = 0.0, 7.3, -1e5 / 3
    return a, b


def _single():
    a, b = correlated(50, 6, 4, seed=13)
    return a.astype(np.float32), b.astype(np.float32)


def _single_offset():
    a, b = _offset(1e3)
    return a.astype(np.float32), b.astype(np.float32)


def _single_rank_deficient():
    """Rank 3 of 6 but for the rounding to float32."""
    a, b = _rank_deficient_a()
    return a.astype(np.float32), b.astype(np.float32)


#: name -> (a function that makes the pair, the tolerance that its condition number allows)
PAIRS = {
    "p below q": (_wide_b, CLOSE),
    "p above q": (_wide_a, CLOSE),
    "condition 1e3": (lambda: _condition(1e3), CLOSE),
    "condition 1e6": (lambda: _condition(1e6), ILL),
    "fewer rows than features": (_fewer_rows_than_features, CLOSE),
    "more features than rows, of low rank": (_wide_of_low_rank, CLOSE),
    "rank-deficient a": (_rank_deficient_a, CLOSE),
    "rank-deficient a and b": (_rank_deficient_both, CLOSE),
    "means 1e3 times the deviation": (lambda: _offset(1e3), CLOSE),
    "means 1e6 times the deviation": (lambda: _offset(1e6), ILL),
    "feature scales 1e-6 to 1e6": (_feature_scales, CLOSE),
    "dead features": (_dead_features, CLOSE),
    "float32": (_single, CLOSE),
    "float32, means 1e3 times the deviation": (_single_offset, CLOSE),
    "float32, rank-deficient a": (_single_rank_deficient, CLOSE),
}
