"""Slow float64 references of the indices of shapes, neurons and regressions, by other routes than simbench takes.

numpy and scipy only: rotations act on matrices padded to one width, kernels are n x n, transport is an assignment of
neurons that are repeated until both sides have equally many, predictions are n x n matrices.
"""

import math

import numpy as np
import scipy.linalg
import scipy.optimize
from oracle import centred, orthonormal, precision


def about(x, centre=True):
    return centred(x) if centre else np.asarray(x, dtype=np.float64)


def padded(a, b):
    width = max(a.shape[1], b.shape[1])
    return (np.pad(x, ((0, 0), (0, width - x.shape[1]))) for x in (a, b))


def unit(x):
    return x / np.linalg.norm(x)


def rotated(a, b):
    """a turned onto b, and b, in one width."""
    a, b = padded(a, b)
    return a @ scipy.linalg.orthogonal_procrustes(a, b)[0], b


def angle(a, b):
    """Between two matrices, from their distance on the sphere."""
    return 2 * math.asin(min(1, np.linalg.norm(unit(a) - unit(b)) / 2))


def formed(a, b, form):
    """What is made of two matrices that are aligned."""
    if form == "size_and_shape":
        return np.linalg.norm(a - b)
    cosine = (unit(a) * unit(b)).sum()
    return {"cosine": cosine, "squared": 2 - 2 * cosine, "angular": angle(a, b)}[form]


def procrustes(a, b, form="cosine", centre=True):
    return formed(*rotated(about(a, centre), about(b, centre)), form)


def partially_whitened(x, alpha, centre, rtol):
    if alpha == 0:
        return orthonormal(about(x, centre), rtol)
    u, s, vt = np.linalg.svd(about(x, centre), full_matrices=False)
    r = s > rtol * s[0]
    return (u[:, r] * (alpha * s[r] + (1 - alpha))) @ vt[r]


def shape(a, b, alpha=1.0, form="angular", centre=True):
    x, y = (partially_whitened(z, alpha, centre, precision(z)) for z in (a, b))
    if form == "euclidean":
        return np.linalg.norm(
            np.subtract(*rotated(*(unit(z) * np.linalg.norm(about(o, centre)) for z, o in ((x, a), (y, b)))))
        )
    return formed(*rotated(x, y), "angular")


def squared_distances(a, b):
    """(p, q) squared distances between columns."""
    return np.stack([((x[:, None] - b) ** 2).sum(0) for x in a.T])


def permutation(a, b, form="cosine", centre=True):
    a, b = padded(about(a, centre), about(b, centre))
    i, j = scipy.optimize.linear_sum_assignment(squared_distances(a, b))
    return formed(a[:, i], b[:, j], form)


def soft_matching(a, b, form="distance"):
    a, b = centred(a), centred(b)
    if form == "correlation":
        a, b = (x[:, x.any(0)] / np.linalg.norm(x[:, x.any(0)], axis=0) for x in (a, b))
    p, q = a.shape[1], b.shape[1]
    copies = math.lcm(p, q)
    cost = np.repeat(np.repeat(squared_distances(a, b), copies // p, 0), copies // q, 1)
    mean = cost[scipy.optimize.linear_sum_assignment(cost)].mean()
    return {"distance": math.sqrt(mean), "squared": mean, "correlation": 1 - mean / 2}[form]


def root(k):
    """Square root of a positive semi-definite matrix, with eigenvalues that are rounding errors set to 0."""
    values, vectors = np.linalg.eigh(k)
    values = np.where(values > len(k) * np.finfo(float).eps * values[-1], values, 0)
    return (vectors * np.sqrt(values)) @ vectors.T


def fidelity(a, b):
    return np.linalg.svd(root(a @ a.T) @ root(b @ b.T), compute_uv=False).sum()


def bures(a, b):
    """Squared."""
    a, b = centred(a), centred(b)
    return (a**2).sum() + (b**2).sum() - 2 * fidelity(a, b)


def nbs(a, b):
    a, b = centred(a), centred(b)
    return fidelity(a, b) / math.sqrt((a**2).sum() * (b**2).sum())


def riemannian(a, b, strength=0.01, normalised=True):
    """From the singular values of G_b^-1/2 G_a^1/2."""
    powers = []
    for x, power in ((centred(a), 0.5), (centred(b), -0.5)):
        u, s, _ = np.linalg.svd(x)
        values = np.zeros(len(u))
        values[: len(s)] = s**2
        n, total = len(u), values.sum()
        g = (n * values / total + strength) * (1 if normalised else total / n)
        powers.append((u * g**power) @ u.T)
    return np.linalg.norm(2 * np.log(np.linalg.svd(powers[1] @ powers[0], compute_uv=False)))


def aligned_cosine(a, b, centre=False):
    turned, b = rotated(about(a, centre), about(b, centre))
    pairs = [(unit(x), unit(y)) for x, y in zip(turned, b, strict=True) if x.any() and y.any()]
    return sum(x @ y for x, y in pairs) / len(pairs)


def correlations(a, b):
    a, b = (centred(x)[:, centred(x).any(0)] for x in (a, b))
    return np.corrcoef(a, b, rowvar=False)[: a.shape[1], a.shape[1] :]


def hard_correlation(a, b, absolute=False):
    c = correlations(a, b)
    c = abs(c) if absolute else c
    return c[scipy.optimize.linear_sum_assignment(1 - c)].mean()


def soft_correlation(a, b, absolute=False):
    c = correlations(a, b)
    c = abs(c) if absolute else c
    return (np.mean([max(row) for row in c]) + np.mean([max(column) for column in c.T])) / 2


def max_correlation(a, b, absolute=True):
    c = correlations(a, b)
    return np.mean([max(abs(row) if absolute else row) for row in c])


def predictions(x, strength):
    """(n, n) matrix that maps targets to their ridge predictions from x."""
    if strength == 0:
        q = orthonormal(centred(x), precision(x))
        return q @ q.T
    n, x = len(x), centred(x)
    x = x * math.sqrt(n) / np.linalg.norm(x)
    return x @ np.linalg.solve(x.T @ x / n + strength * np.eye(x.shape[1]), x.T / n)


def gulp(a, b, strength=0.01):
    return np.linalg.norm(predictions(a, strength) - predictions(b, strength))


def eigenspace_overlap(a, b, divide="rank"):
    u, v = (orthonormal(about(x, False), precision(x)) for x in (a, b))
    widths = (u, v) if divide == "rank" else (a, b)
    return np.trace(u @ u.T @ v @ v.T) / max(x.shape[1] for x in widths)
