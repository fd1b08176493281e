"""Slow float64 references of the differences of one number, or of one spectrum, per side."""

import math

import numpy as np


def double(x):
    return np.asarray(x, dtype=np.float64)


def lengths(x):
    return [math.sqrt(sum(float(v) ** 2 for v in row)) for row in x]


def magnitude(x):
    return lengths([double(x).mean(0)])[0]


def concentricity(x):
    x = double(x)
    mean = x.mean(0)
    size = lengths([mean])[0]
    return np.mean([(row @ mean) / size / own if own > 0 else 0.0 for row, own in zip(x, lengths(x), strict=True)])


def uniformity(x, t=2.0, normalised=True, pairs="distinct"):
    x = double(x)
    if normalised:
        x = np.array([row / own if own > 0 else row for row, own in zip(x, lengths(x), strict=True)])
    n = len(x)
    squared = [((x[i] - x[j]) ** 2).sum() for i in range(n) for j in range(n) if i != j or pairs == "all"]
    least = min(squared)
    return math.log(np.mean([math.exp(-t * (d - least)) for d in squared])) - t * least


def effective_rank(x, of="singular_values", centred=False):
    x = double(x) - (double(x).mean(0) if centred else 0)
    values = np.linalg.svd(x, compute_uv=False) ** (1 if of == "singular_values" else 2)
    shares = values / values.sum()
    return math.exp(-sum(p * math.log(p) for p in shares if p > 0))


def twonn(x, estimator="fit", discard=0.1):
    x = double(x)
    size = 1e-12 * np.abs(x - x.mean(0)).max()
    different = []
    for row in x:
        if not any(np.sqrt(((row - other) ** 2).sum()) <= size for other in different):
            different.append(row)
    logs = []
    for i, row in enumerate(different):
        first, second = sorted(np.sqrt(((row - other) ** 2).sum()) for j, other in enumerate(different) if j != i)[:2]
        logs.append(math.log(second / first))
    logs, n = np.sort(logs), len(logs)
    if estimator == "mle":
        return n / logs.sum()
    taken = int(n * (1 - discard))
    heights = [-math.log(1 - i / n) for i in range(1, taken + 1)]
    return np.linalg.lstsq(logs[:taken, None], np.array(heights), rcond=None)[0][0]


def spectrum(a, b, distance="euclidean"):
    shares = []
    for x in (a, b):
        values = np.sort(np.linalg.eigvalsh(np.atleast_2d(np.cov(double(x).T))))[::-1]
        shares.append(np.pad(values / values.sum(), (0, 1000 - len(values))))
    apart = shares[0] - shares[1]
    return np.sqrt((apart**2).sum()) if distance == "euclidean" else np.abs(apart).sum() / 2
