"""Slow float64 references of the cross-validated regressions, by singular value decompositions, fold by fold and neuron
by neuron. numpy only."""

import numpy as np
from oracle import centred


def runs(n, folds):
    """Consecutive rows, in folds whose lengths differ by at most one."""
    return np.array_split(np.arange(n), folds)


def ridge_weights(x, y, strength, relative=False):
    """V diag(s / (s^2 + penalty)) U^T y."""
    u, s, vt = np.linalg.svd(x, full_matrices=False)
    penalty = strength * ((x**2).sum(1).mean() if relative else 1)
    return vt.T @ ((s / (s**2 + penalty))[:, None] * (u.T @ y))


def pls_weights(x, y, components):
    """NIPALS with exact singular vectors: W (P^T W)^-1 Q^T."""
    weights, loadings, answers = [], [], []
    start = np.linalg.norm(x.T @ y)
    for _ in range(components):
        u, s, _ = np.linalg.svd(x.T @ y, full_matrices=False)
        if s[0] <= 1e-12 * start:
            break
        t = x @ u[:, 0]
        loadings.append(x.T @ t / (t @ t))
        answers.append(y.T @ t / (t @ t))
        weights.append(u[:, 0])
        x, y = x - np.outer(t, loadings[-1]), y - np.outer(t, answers[-1])
    w, p, q = (np.array(z).T for z in (weights, loadings, answers))
    return w @ np.linalg.solve(p.T @ w, q.T)


def cross_validated(a, b, fit, folds, score, average):
    a, b = (np.asarray(x, dtype=np.float64) for x in (a, b))
    values = []
    for test in runs(len(a), folds):
        train = np.setdiff1d(np.arange(len(a)), test)
        mean_a, mean_b = a[train].mean(0), b[train].mean(0)
        predicted = mean_b + (a[test] - mean_a) @ fit(a[train] - mean_a, b[train] - mean_b)
        scores = []
        for guess, truth in zip(predicted.T, b[test].T, strict=True):
            if np.ptp(truth) == 0:
                continue
            if score == "r2":
                scores.append(1 - ((truth - guess) ** 2).sum() / ((truth - truth.mean()) ** 2).sum())
            else:
                scores.append(np.corrcoef(truth, guess)[0, 1])
        values.append(np.median(scores) if average == "median" else np.mean(scores))
    return np.mean(values)


def ridge(a, b, folds=10, score="correlation", average="median", strength=1.0, relative=False):
    return cross_validated(a, b, lambda x, y: ridge_weights(x, y, strength, relative), folds, score, average)


def pls(a, b, folds=10, score="correlation", average="median", components=25):
    rank = np.linalg.matrix_rank(np.asarray(a, dtype=np.float64) - np.asarray(a, dtype=np.float64).mean(0))
    most = min(components, max(1, rank - 1))
    return cross_validated(a, b, lambda x, y: pls_weights(x, y, most), folds, score, average)


def regularised_cca(a, b, ridge, mean="rho"):
    """Mean singular value of (S_aa + k_a I)^-1/2 S_ab (S_bb + k_b I)^-1/2."""
    halves, ranks = [], []
    a, b = centred(a), centred(b)
    for x in (a, b):
        _, s, vt = np.linalg.svd(x, full_matrices=False)
        ranks.append(np.linalg.matrix_rank(x))
        penalty = ridge * (x**2).sum() / ranks[-1]
        halves.append((vt.T / np.sqrt(s**2 + penalty)) @ vt)
    rho = np.linalg.svd(halves[0] @ a.T @ b @ halves[1], compute_uv=False)[: min(ranks)]
    return rho.mean() if mean == "rho" else (rho**2).mean()
