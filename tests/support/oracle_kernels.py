"""Slow float64 references of kernel indices, from n x n matrices and scikit-learn's kernels."""

import numpy as np
from oracle import centred
from scipy.spatial.distance import pdist, squareform
from sklearn.metrics.pairwise import polynomial_kernel


def bandwidth(x, median="pairs", times=1.0):
    whole = squareform(pdist(x))
    if median == "pairs":
        return times * np.median(whole[np.triu_indices(len(x), 1)])
    squared = whole**2
    return times * np.sqrt(np.median(squared if median == "all" else squared[squared > 0]))


def gram(x, kernel="linear", centre=True, median="pairs", times=1.0, degree=3, offset=1.0):
    """Gram matrix of rows about their mean, or as they are."""
    x = centred(x) if centre else np.asarray(x, dtype=np.float64)
    if kernel == "linear":
        return x @ x.T
    if kernel == "polynomial":
        return polynomial_kernel(x, degree=degree, gamma=1 / (x**2).sum(1).mean(), coef0=offset)
    sigma = bandwidth(x, median, times)
    distance = squareform(pdist(x))
    return np.exp(-(distance**2) / (2 * sigma**2)) if kernel == "rbf" else np.exp(-distance / sigma)


def product(k, l, unbiased=False, centre=True):
    """tr(KHLH), or n (n - 3) times the unbiased HSIC; tr(KL), with or without diagonals, if not centred."""
    if unbiased:
        n, (k, l) = len(k), (x - np.diag(np.diag(x)) for x in (k, l))
        rest = k.sum() * l.sum() / ((n - 1) * (n - 2)) - 2 * k.sum(0) @ l.sum(0) / (n - 2)
        return (k * l).sum() + (rest if centre else 0)
    h = np.eye(len(k)) - (1 / len(k) if centre else 0)
    return ((h @ k @ h) * l).sum()


def alignment(a, b, unbiased=False, centre=True, **kernel):
    k, l = (gram(x, centre=centre, **kernel) for x in (a, b))
    return product(k, l, unbiased, centre) / np.sqrt(product(k, k, unbiased, centre) * product(l, l, unbiased, centre))
