"""Partial least squares regression on many targets (PLS2), with predictions for other rows."""

from __future__ import annotations

import torch
from torch import Tensor

_EPS = torch.finfo(torch.float64).eps
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
    """(p,) left singular vector of the largest singular value of m (p, q), by a Lanczos iteration on the smaller of
    m m^T and m^T m, with full reorthogonalisation. It starts from a fixed random vector, which no structure of m is
    likely to be orthogonal to, and ends where the error no longer exceeds rounding."""
    m = m / m.abs().max()
    flipped = m.shape[0] > m.shape[1]
    side = m.mT if flipped else m
    vector = torch.randn(len(side), generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(m.device)
    basis, diagonal, beside = [vector / torch.linalg.vector_norm(vector)], [], []
    while True:
        vector = side @ (basis[-1] @ side)
        diagonal.append(float(basis[-1] @ vector))
        known = torch.stack(basis)
        for _ in range(2):  # once leaves rounding errors of the basis
            vector = vector - (known @ vector) @ known
        size = float(torch.linalg.vector_norm(vector))
        done = len(basis) == len(side) or size <= _EPS * max(diagonal)
        if done or len(basis) % _STEPS == 0:
            small = torch.tensor(diagonal, dtype=torch.float64).diag()
            off = torch.tensor(beside, dtype=torch.float64)
            values, vectors = torch.linalg.eigh(small + _beside(off) + _beside(off).mT)
            if done or size * abs(float(vectors[-1, -1])) <= 8 * _EPS * float(values[-1]):
                vector = vectors[:, -1].to(m.device) @ known
                break
        beside.append(size)
        basis.append(vector / size)
    left = m @ vector if flipped else vector
    return left / torch.linalg.vector_norm(left)


def _beside(off: Tensor) -> Tensor:
    """A matrix with `off` below its diagonal."""
    return off.diag(-1) if len(off) else torch.zeros(1, 1, dtype=off.dtype)
