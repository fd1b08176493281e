"""Slow float64 references of the indices of neighbours: Python lists and sets, row by row.

Neighbours are sorted by their distance, rounded to 9 digits of its size, and by their index, so that equal distances
stand in the order of the indices.
"""

import numpy as np


def unit(x):
    """Rows of length 1; rows of zeros stay."""
    x = np.asarray(x, dtype=np.float64)
    sizes = np.sqrt((x**2).sum(1))[:, None]
    return x / np.where(sizes > 0, sizes, 1)


def similarities(x):
    """Cosines of the angles between all rows; 0 for rows of zeros."""
    return np.array([(unit(x) * row).sum(1) for row in unit(x)])


def dissimilarities(x):
    """1 minus the cosines, as half the squared distances of rows of length 1: no digits cancel."""
    u = unit(x)
    values, empty = np.array([((u - row) ** 2).sum(1) / 2 for row in u]), (u == 0).all(1)
    values[empty], values[:, empty] = 1, 1
    return values


def nearest(x, k, metric="cosine"):
    """The list of the k nearest other rows of every row."""
    x = np.asarray(x, dtype=np.float64)
    apart = dissimilarities(x) if metric == "cosine" else np.array([np.sqrt(((x - row) ** 2).sum(1)) for row in x])
    size = 1e-9 * apart.max()
    return [
        sorted((j for j in range(len(x)) if j != i), key=lambda j: (round(apart[i, j] / size), j))[:k]
        for i in range(len(x))
    ]


def over_rows(score):
    """An index of the mean score of the two lists of a row, which is its attribute `score`."""

    def index(a, b, k=10, metric="cosine"):
        lists = zip(nearest(a, k, metric), nearest(b, k, metric), strict=True)
        return float(np.mean([score(p, q) for p, q in lists]))

    index.score = score
    return index


@over_rows
def jaccard(p, q):
    return len({*p} & {*q}) / len({*p} | {*q})


@over_rows
def mutual_knn(p, q):
    return len({*p} & {*q}) / len(p)


@over_rows
def rank_similarity(p, q):
    both = {*p} & {*q}
    total = 0.0
    for j in both:
        r, s = p.index(j) + 1, q.index(j) + 1
        total += 2 / ((1 + abs(r - s)) * (r + s))
    return total / sum(1 / m for m in range(1, len(both) + 1)) if both else 0.0


@over_rows
def lcs_knn(p, q):
    table = [[0] * (len(q) + 1) for _ in range(len(p) + 1)]
    for i, x in enumerate(p, 1):
        for j, y in enumerate(q, 1):
            table[i][j] = table[i - 1][j - 1] + 1 if x == y else max(table[i - 1][j], table[i][j - 1])
    return table[-1][-1]


@over_rows
def edit_knn(p, q):
    table = [[i + j if i * j == 0 else 0 for j in range(len(q) + 1)] for i in range(len(p) + 1)]
    for i, x in enumerate(p, 1):
        for j, y in enumerate(q, 1):
            table[i][j] = min(table[i - 1][j] + 1, table[i][j - 1] + 1, table[i - 1][j - 1] + (x != y))
    return 1 - table[-1][-1] / len(p)


def second_order_cosine(a, b, k=10, vectors="similarities"):
    lists = [nearest(x, k) for x in (a, b)]
    values = [(similarities if vectors == "similarities" else dissimilarities)(x) for x in (a, b)]
    total = 0.0
    for i in range(len(a)):
        union = sorted({*lists[0][i]} | {*lists[1][i]})
        s, t = values[0][i, union], values[1][i, union]
        sizes = [np.sqrt((v**2).sum()) for v in (s, t)]
        if max(sizes) < 1e-12:
            total += 1
        elif min(sizes) >= 1e-12:
            total += (s * t).sum() / sizes[0] / sizes[1]
    return total / len(a)


def masked(values, lists):
    """The matrix with all entries set to 0 but those of the neighbours (row i, column j)."""
    left = np.zeros_like(values)
    for i, row in enumerate(lists):
        left[i, row] = values[i, row]
    return left


def hsic(m, n):
    """Song et al. 2012, eq. 5, of matrices with a diagonal of zeros."""
    size = len(m)
    value = (m * n.T).sum() + m.sum() * n.sum() / ((size - 1) * (size - 2)) - 2 * (m @ n).sum() / (size - 2)
    return value / (size * (size - 3))


def cknna(a, b, k=10, estimator="centred"):
    kernels, lists = [similarities(x) for x in (a, b)], [nearest(x, k) for x in (a, b)]
    both = [[j for j in p if j in q] for p, q in zip(*lists, strict=True)]
    if estimator == "centred":
        kernels = [m - m.mean(1)[:, None] for m in kernels]

        def h(m, n, near):
            return (masked(m, near) * masked(n, near)).sum()
    else:

        def h(m, n, near):
            return hsic(masked(m, near), masked(n, near))

    own = [h(m, m, near) for m, near in zip(kernels, lists, strict=True)]
    return h(*kernels, both) / np.sqrt(own[0]) / np.sqrt(own[1])
