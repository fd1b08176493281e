"""Slow float64 reference of every index and direct stitcher, by other routes than simbench takes.

numpy and scipy only. CKA comes from n x n Gram matrices, CCA from pivoted QR, regression from numpy's least
squares, where simbench works on p x p second moments and their eigenvectors.

Rank: singular values of the centred matrix at or below `rtol` times the largest are cut. For CCA, PWCCA and
regression its columns are first scaled to unit norm, for SVCCA they are not. `precision(a)` is the `rtol` that
fits the dtype the data came in: sqrt(p) eps of float32, or max(n, p) eps of float64.
"""

import itertools
from fractions import Fraction

import numpy as np
import scipy.linalg


def precision(x):
    """Relative size of a singular value that the rounding of x (n, p) could have made."""
    n, p = x.shape
    return np.sqrt(p) * np.finfo(np.float32).eps if x.dtype == np.float32 else max(n, p) * np.finfo(np.float64).eps


def centred(x):
    """Rows minus their mean, with the mean taken twice; a constant column becomes exactly zero."""
    x = np.asarray(x, dtype=np.float64)
    x = x - x[0]
    x = x - x.mean(0)
    return np.where(np.ptp(x, axis=0) == 0, 0.0, x - x.mean(0))


def unit_columns(x):
    """Columns scaled to norm 1; zero columns stay zero."""
    norms = np.linalg.norm(x, axis=0)
    return x / np.where(norms > 0, norms, 1)


def orthonormal(x, rtol):
    """Q of a pivoted QR of the unit columns, cut to the numerical rank."""
    q, r, _ = scipy.linalg.qr(unit_columns(x), mode="economic", pivoting=True)
    diagonal = np.abs(np.diag(r))
    return q[:, : int((diagonal > rtol * diagonal[0]).sum())]


# -- CKA ---------------------------------------------------------------------------------------------------------


def linear_gram(x):
    return x @ x.T


def rbf_gram(x):
    """exp(-d^2 / 2 sigma^2), sigma the median of the distances of the n (n - 1) / 2 pairs of rows."""
    n = len(x)
    distance = np.zeros((n, n))
    for i, j in itertools.combinations(range(n), 2):
        distance[i, j] = distance[j, i] = np.sqrt(((x[i] - x[j]) ** 2).sum())
    sigma = np.median([distance[i, j] for i, j in itertools.combinations(range(n), 2)])
    return np.exp(-(distance**2) / (2 * sigma**2))


def hsic_biased(k, l):
    """tr(K H L H)."""
    n = len(k)
    h = np.eye(n) - np.ones((n, n)) / n
    return np.trace(k @ h @ l @ h)


def hsic_debiased(k, l):
    """Song et al. 2012, eq. 5, without the factor 1 / (n (n - 3)), sum by sum over pairs of distinct rows."""
    n = len(k)
    products = sum_k = sum_l = chain = 0.0
    row_k, row_l = np.zeros(n), np.zeros(n)
    for i, j in itertools.permutations(range(n), 2):
        products += k[i, j] * l[i, j]
        sum_k += k[i, j]
        sum_l += l[i, j]
        row_k[i] += k[i, j]
        row_l[i] += l[i, j]
    for i in range(n):
        chain += row_k[i] * row_l[i]
    return products + sum_k * sum_l / ((n - 1) * (n - 2)) - 2 * chain / (n - 2)


def hsic_quadruples(k, l):
    """Unbiased HSIC as the U-statistic over ordered quadruples of distinct rows; O(n^4)."""
    quadruples = list(itertools.permutations(range(len(k)), 4))
    return sum(k[i, j] * (l[i, j] + l[q, r] - 2 * l[i, q]) for i, j, q, r in quadruples) / len(quadruples)


def debiased_exactly(a, b):
    """Debiased CKA in fractions, without a single rounding before the last square root; for a few short rows."""

    def gram(x):
        x = [[Fraction(float(number)) for number in row] for row in np.asarray(x, dtype=np.float64)]
        return [
            [sum(map(Fraction.__mul__, row, other)) if i != j else Fraction(0) for j, other in enumerate(x)]
            for i, row in enumerate(x)
        ]

    def hsic(k, l):
        n, sums_k, sums_l = len(k), list(map(sum, k)), list(map(sum, l))
        products = sum(x * y for row_k, row_l in zip(k, l, strict=True) for x, y in zip(row_k, row_l, strict=True))
        chain = sum(map(Fraction.__mul__, sums_k, sums_l))
        return products + sum(sums_k) * sum(sums_l) / ((n - 1) * (n - 2)) - 2 * chain / (n - 2)

    k, l = gram(a), gram(b)
    return float(hsic(k, l)) / np.sqrt(float(hsic(k, k))) / np.sqrt(float(hsic(l, l)))


def cka(a, b, estimator="biased", kernel="linear"):
    gram = {"linear": linear_gram, "rbf": rbf_gram}[kernel]
    hsic = {"biased": hsic_biased, "debiased": hsic_debiased, "quadruples": hsic_quadruples}[estimator]
    k, l = gram(centred(a)), gram(centred(b))
    return hsic(k, l) / np.sqrt(hsic(k, k) * hsic(l, l))


# -- CCA ---------------------------------------------------------------------------------------------------------


def correlations(a, b):
    """Canonical correlations, by QR of each side (Bjorck and Golub, 1973)."""
    q_a, q_b = orthonormal(centred(a), precision(a)), orthonormal(centred(b), precision(b))
    return np.minimum(np.linalg.svd(q_a.T @ q_b, compute_uv=False), 1)


def cca(a, b, mean="rho"):
    rho = correlations(a, b)
    return rho.mean() if mean == "rho" else (rho**2).mean()


def components(x, variance):
    """Unit principal component scores, the fewest whose share of the variance reaches `variance`."""
    u, sigma, _ = np.linalg.svd(centred(x), full_matrices=False)
    u, sigma = u[:, sigma > precision(x) * sigma[0]], sigma[sigma > precision(x) * sigma[0]]
    for kept in range(1, len(sigma) + 1 if variance < 1 else 0):
        if (sigma[:kept] ** 2).sum() >= variance * (sigma**2).sum() * (1 - 1e-12):
            return u[:, :kept]
    return u


def svcca(a, b, variance=0.99):
    a, b = components(a, variance), components(b, variance)
    return np.minimum(np.linalg.svd(a.T @ b, compute_uv=False), 1).mean()


def pwcca(a, b):
    """Morcos et al. 2018, with variates h_i = Q_a u_i and weights sum_j |<h_i, a_j>|, neuron by neuron."""
    neurons = centred(a)
    q_a, q_b = orthonormal(neurons, precision(a)), orthonormal(centred(b), precision(b))
    u, rho, _ = np.linalg.svd(q_a.T @ q_b, full_matrices=False)
    variates = q_a @ u
    weights = np.array([sum(abs(h @ neuron) for neuron in neurons.T) for h in variates.T])
    return (weights * np.minimum(rho, 1)).sum() / weights.sum()


# -- regression and stitching --------------------------------------------------------------------------------------


def about(x, bias):
    """Centred rows, or the rows as they are."""
    return centred(x) if bias else np.asarray(x, dtype=np.float64)


def fitted(a, b, bias=True):
    """Least squares prediction of b (about its mean when bias) from a."""
    x, y = unit_columns(about(a, bias)), about(b, bias)
    return x @ np.linalg.lstsq(x, y, rcond=precision(a))[0]


def r2_lr(a, b, centred=True):
    b_rows = about(b, centred)
    return 1 - ((fitted(a, b, centred) - b_rows) ** 2).sum() / (b_rows**2).sum()


def with_intercept(a, b, weight, bias):
    """(weight, intercept) that maps mean to mean, or (weight, None)."""
    mean_a, mean_b = (np.asarray(x, dtype=np.float64).mean(0) for x in (a, b))
    return weight, mean_b - mean_a @ weight if bias else None


def least_norm(x, y, rtol):
    """Least norm solution M of x M = y. Where there is only one, whatever the units of x, its columns are scaled to
    norm 1 first, so that features of different scale keep their digits."""
    scale = np.linalg.norm(x, axis=0)
    if (scale == 0).any() or np.linalg.matrix_rank(x / scale, tol=rtol * np.linalg.norm(x / scale, 2)) < x.shape[1]:
        scale = np.ones(x.shape[1])
    return scipy.linalg.pinv(x / scale, rtol=rtol) @ y / scale[:, None]


def least_squares(a, b, bias=True):
    return with_intercept(a, b, least_norm(about(a, bias), about(b, bias), precision(a)), bias)


def reduced_rank(a, b, rank, bias=True):
    """Regression on the fitted values, themselves cut to `rank` by singular value decomposition."""
    u, sigma, vt = np.linalg.svd(fitted(a, b, bias), full_matrices=False)
    best = (u[:, :rank] * sigma[:rank]) @ vt[:rank]
    return with_intercept(a, b, least_norm(about(a, bias), best, precision(a)), bias)


def procrustes(a, b, bias=True):
    """Orthogonal Procrustes between a and b padded with zero columns to one width."""
    x, y = about(a, bias), about(b, bias)
    p, q = x.shape[1], y.shape[1]
    width = max(p, q)
    square, _ = scipy.linalg.orthogonal_procrustes(
        np.pad(x, ((0, 0), (0, width - p))), np.pad(y, ((0, 0), (0, width - q)))
    )
    return with_intercept(a, b, square[:p, :q], bias)


def residual(a, b, weight, intercept=None):
    """||a W + intercept - b||^2 / ||b||^2, b centred where there is an intercept."""
    error = a @ weight - b + (0 if intercept is None else intercept)
    return (error**2).sum() / (about(b, intercept is not None) ** 2).sum()
