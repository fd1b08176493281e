"""Partial least squares regression on many targets (PLS2), with predictions for other rows."""

from __future__ import annotations

import scipy.linalg
import torch
from torch import Tensor

_EPS = torch.finfo(torch.float64).eps
#: Most rows and columns of a matrix whose eigenvectors are all computed.
_SMALL = 48
#: Steps of the Lanczos iteration between two looks at its error.
_STEPS = 8


def predictions(x: Tensor, y: Tensor, other: Tensor, components: int) -> Tensor:
    """(m, q) predictions for rows `other` (m, p) of partial least squares from x (n, p) to y (n, q), all centred alike.

    Component by component, the weights w (p,) are the leading left singular vector of x^T y, t = x w are the scores,
    and x and y are deflated by their regressions on t (Wold et al. 1983; scikit-learn's PLSRegression without scaling,
    whose w are accurate to its tolerance). Stops where x^T y is all rounding errors.
    """
    cross, predicted = x.mT @ y, y.new_zeros(len(other), y.shape[1])
    rounding = 8 * len(x) ** 0.5 * _EPS * float(torch.linalg.vector_norm(x) * torch.linalg.vector_norm(y))
    for _ in range(components):
        if float(torch.linalg.vector_norm(cross)) <= rounding:
            break
        weights = leading(cross)
        scores, moved = x @ weights, other @ weights
        length = scores.square().sum()
        loadings, answers = scores @ x / length, weights @ cross / length
        x, other = x - torch.outer(scores, loadings), other - torch.outer(moved, loadings)
        # x^T y of the deflated sides: t is orthogonal to the deflated x.
        cross = cross - length * torch.outer(loadings, answers)
        predicted += torch.outer(moved, answers)
    return predicted


def leading(m: Tensor) -> Tensor:
    """(p,) left singular vector of the largest singular value of m (p, q), by the smaller of m m^T and m^T m."""
    m = m / m.abs().max()
    flipped = m.shape[0] > m.shape[1]
    side = m.mT if flipped else m
    square = side @ side.mT
    vector = torch.linalg.eigh(square).eigenvectors[:, -1] if len(square) <= _SMALL else _lanczos(square)
    left = m @ vector if flipped else vector
    return left / torch.linalg.vector_norm(left)


def _lanczos(square: Tensor) -> Tensor:
    """The eigenvector of the largest eigenvalue of a positive semidefinite matrix, with full reorthogonalisation. It
    starts from a fixed random vector, which no structure of the matrix is likely to be orthogonal to, and ends where
    the error no longer exceeds rounding."""
    vector = torch.randn(len(square), generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(square.device)
    basis, diagonal, beside = torch.empty_like(square), [], []
    size = float(torch.linalg.vector_norm(vector))
    for steps in range(1, len(square) + 1):
        basis[steps - 1] = vector / size
        vector = square @ basis[steps - 1]
        diagonal.append(float(basis[steps - 1] @ vector))
        so_far = basis[:steps]
        for _ in range(2):  # once leaves rounding errors of the basis
            vector = vector - (so_far @ vector) @ so_far
        size = float(torch.linalg.vector_norm(vector))
        done = steps == len(square) or size <= _EPS * max(diagonal)
        if done or steps % _STEPS == 0:
            values, vectors = scipy.linalg.eigh_tridiagonal(diagonal, beside)
            if done or size * abs(vectors[-1, -1]) <= 8 * _EPS * values[-1]:
                break
        beside.append(size)
    return torch.from_numpy(vectors[:, -1].copy()).to(square.device) @ so_far
