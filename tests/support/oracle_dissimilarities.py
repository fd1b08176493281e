"""Slow float64 references of indices that compare dissimilarities, from scipy's distances and correlations."""

import itertools

import numpy as np
import scipy.linalg
import scipy.stats
from oracle import centred, orthonormal, precision
from scipy.spatial.distance import pdist, squareform


def dissimilarities(x, kind):
    x = np.asarray(x, dtype=np.float64)
    if kind.endswith("mahalanobis"):
        # Coordinates in an orthonormal basis of the columns: whitened up to a rotation.
        x = orthonormal(centred(x), precision(x)) * np.sqrt(len(x) - 1)
        kind = kind.replace("mahalanobis", "euclidean")
    return pdist(x, kind)


def covariance_of_dissimilarities(n):
    """(m, m) covariance of the squared distances of m pairs of n rows of independent noise, up to a factor: the square
    of the inner product of two contrasts."""
    contrasts = np.zeros((n * (n - 1) // 2, n))
    for row, (i, j) in enumerate(itertools.combinations(range(n), 2)):
        contrasts[row, i], contrasts[row, j] = 1, -1
    return (contrasts @ contrasts.T) ** 2


def rsa(a, b, kind="correlation", comparison="spearman", ties="corrected"):
    d, e = dissimilarities(a, kind), dissimilarities(b, kind)
    m = len(d)
    if comparison == "pearson":
        return scipy.stats.pearsonr(d, e).statistic
    if comparison in ("spearman", "kendall"):  # equal up to rounding is equal
        d, e = (np.round(x / x.max(), 12) for x in (d, e))
    if comparison == "spearman":
        ranks = [scipy.stats.rankdata(x) - (m + 1) / 2 for x in (d, e)]
        return scipy.stats.spearmanr(d, e).statistic if ties == "corrected" else 12 * ranks[0] @ ranks[1] / (m**3 - m)
    if comparison == "kendall":
        signs = [np.sign(x[:, None] - x) for x in (d, e)]
        agreed = (signs[0] * signs[1]).sum()
        if ties == "uncorrected":
            return agreed / (m * (m - 1))
        return agreed / np.sqrt((signs[0] ** 2).sum() * (signs[1] ** 2).sum())
    if comparison == "whitened_cosine":
        whitener = np.linalg.inv(scipy.linalg.cholesky(covariance_of_dissimilarities(len(a)), lower=True))
        d, e = whitener @ d, whitener @ e
    return d @ e / np.sqrt((d @ d) * (e @ e))


def distance_correlation(a, b, unbiased=False, squared=False, exponent=1.0):
    """Row by row sums of Szekely et al. 2007 and Szekely and Rizzo 2014."""
    n, sides = len(a), []
    for x in (a, b):
        d = squareform(pdist(np.asarray(x, dtype=np.float64))) ** exponent
        if unbiased:
            rows, total = d.sum(1) / (n - 2), d.sum() / ((n - 1) * (n - 2))
            d = np.array([[d[i, j] - rows[i] - rows[j] + total if i != j else 0 for j in range(n)] for i in range(n)])
        else:
            d = d - d.mean(0)[None] - d.mean(1)[:, None] + d.mean()
        sides.append(d)
    (d, e), factor = sides, n * (n - 3) if unbiased else n * n
    value = (d * e).sum() / factor / np.sqrt((d * d).sum() / factor * (e * e).sum() / factor)
    return value if unbiased or squared else np.sqrt(value)


def rsm_norm(a, b, rsm="inner", norm="frobenius"):
    sides = []
    for x in (np.asarray(x, dtype=np.float64) for x in (a, b)):
        if rsm == "euclidean":
            sides.append(squareform(pdist(x)))
        elif rsm == "cosine":
            sides.append(1 - squareform(pdist(x, "cosine")))
        else:
            sides.append(x @ x.T if rsm == "inner" else centred(x) @ centred(x).T / x.shape[1])
    return np.linalg.norm(sides[0] - sides[1], "fro" if norm == "frobenius" else 2)
