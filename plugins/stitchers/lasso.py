"""Sparse matching: least squares with an L1 penalty on the weights."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simbench import InputError, Stitcher, hookimpl

if TYPE_CHECKING:
    import numpy
    from torch import Tensor

    from simbench import Affine, Moments

#: A slope may exceed the penalty by this share of the penalty and this share of the largest slope.
_SLACK, _ROUNDING = 1e-10, 1e-14
#: Features with a pivot below this share of its diagonal element count as linearly dependent.
_DEPENDENT = 1e-11
#: Coordinate descent stops at a duality gap of this share of ||b||^2, when the support is approximately right.
_GAP = 1e-4


@dataclass(frozen=True)
class Lasso(Stitcher):
    """M that minimises 1/2 ||A M - B||_F^2 + alpha L ||M||_1 with L = max_ij |A^T B|_ij, ||M||_1 the sum of |m_ij|.

    alpha: in (0, 1], independent of n and of the units of a and b: L is the smallest penalty with M = 0, so 1
        gives M = 0, and for alpha -> 0, M tends to a least squares solution. scikit-learn's alpha is alpha L / n.
    bias: True centres both sides and maps mean to mean, with an unpenalised intercept; False is uncentred.
    The norm in eq. 3 of the paper is not squared, ||A M - B||_F + alpha_3 ||M||_1. Its subgradient is that of the
    above over ||A M - B||_F, so the same M minimises it at alpha_3 = alpha L / ||A M - B||_F: one path of maps,
    with another parameter. All of M shares one alpha, and neurons are not standardised, as in eq. 3: of two
    neurons with the same information, the one with the larger scale is penalised less.
    """

    alpha: float = 0.01
    bias: bool = True

    name = "lasso"
    source = "Csiszarik et al. 2021, eq. 3; Li et al. 2016, section 4; Tibshirani 1996"
    objective = "penalised_residual"

    def __post_init__(self) -> None:
        _allowed(self.alpha)

    @property
    def family(self) -> str:
        return "affine" if self.bias else "linear"

    def from_moments(self, m: Moments) -> Affine:
        return lasso_path(m, [self.alpha], self.bias)[0]

    def loss(self, m: Moments, affine: Affine) -> Tensor:
        """The minimised function, divided by ||B||_F^2."""
        m = m if self.bias else m.uncentred()
        penalty = self.alpha * m.ab.abs().max() / m.b.total
        return m.residual(affine) / 2 + penalty * affine.weight.abs().sum()


def lasso_path(m: Moments, alphas: Sequence[float], bias: bool = True) -> list[Affine]:
    """The map of `Lasso(alpha, bias)` for each of the alphas, in their order; each starts from the next larger one.

    Every neuron of b is a lasso of its own. With R^T R = A^T A of the rank of A and z = R^-T A^T b, scikit-learn's
    coordinate descent on (R, z) finds the support approximately, and an active set method continues to the
    exact minimum: descent alone takes 10^5 sweeps where neurons are nearly dependent. Where they are exactly dependent,
    as with fewer rows than neurons, the result is one of several minima. Constant neurons have weights of exactly 0.
    """
    import numpy as np
    import torch

    for alpha in alphas:
        _allowed(alpha)
    m = m if bias else m.uncentred()
    basis = m.a.whitened
    root = np.asfortranarray(basis.loadings.mT.cpu().numpy())  # (r, p)
    targets = np.asfortranarray(m.cross(basis, None).cpu().numpy())  # (r, q)
    if basis.rank == m.a.width:  # root^T root would add rounding errors of an eigendecomposition
        gram, slopes = np.ascontiguousarray(m.aa.cpu().numpy()), np.asfortranarray(m.ab.cpu().numpy())
    else:
        gram, slopes = np.ascontiguousarray(root.T @ root), np.asfortranarray(root.T @ targets)
    largest = np.abs(slopes).max(initial=0)
    weights = np.zeros((len(alphas), *slopes.shape))
    for column in range(slopes.shape[1]):
        weight = np.zeros(len(gram))
        for i in sorted(range(len(alphas)), key=lambda i: -alphas[i]):
            penalty = alphas[i] * largest
            if penalty < np.abs(slopes[:, column]).max(initial=0):
                start = _descent(root, targets[:, column], gram, slopes[:, column], penalty, weight)
                weight = _minimum(gram, slopes[:, column], penalty, start, _ROUNDING * largest)
                weights[i, :, column] = weight
    return [m.mean_to_mean(weight, bias) for weight in torch.from_numpy(weights).to(m.ab)]


def _descent(
    root: numpy.ndarray,
    target: numpy.ndarray,
    gram: numpy.ndarray,
    slope: numpy.ndarray,
    penalty: float,
    start: numpy.ndarray,
) -> numpy.ndarray:
    """Roughly the minimum (p,) of 1/2 ||root w - target||^2 + penalty ||w||_1; gram = root^T root in C order,
    slope = root^T target."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import lasso_path as coordinate_descent

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # only a start is needed
        return coordinate_descent(
            root,
            target,
            alphas=[penalty / len(root)],
            precompute=gram,
            Xy=slope,
            coef_init=start.copy(),
            tol=_GAP,
            max_iter=1000,
            check_input=False,
        )[1][:, 0]


def _minimum(
    gram: numpy.ndarray, slope: numpy.ndarray, penalty: float, start: numpy.ndarray, rounding: float
) -> numpy.ndarray:
    """The minimum (p,) of 1/2 w^T gram w - slope^T w + penalty ||w||_1, from a start near it.

    Feature-sign search (Lee et al. 2007): on a fixed support with fixed signs the minimum solves a linear
    system. A weight that would change its sign on the way leaves the support; when none does, the zero
    weight whose slope exceeds the penalty most enters. The loss falls at each step, so the search ends.
    """
    import numpy as np

    w, signs = start.copy(), np.sign(start)
    for _ in range(100 * len(w)):
        on = np.flatnonzero(signs)
        goal, free = _solution(gram[np.ix_(on, on)], slope[on] - penalty * signs[on])
        unbounded = np.abs(free).max(initial=0) > penalty * 1e-9 + rounding
        step = free if unbounded else goal - w[on]  # along `free` the loss falls until some weight is zero
        towards = step * signs[on] < 0
        reach = np.full(len(on), np.inf)
        reach[towards] = -w[on][towards] / step[towards]
        if unbounded or reach.min(initial=np.inf) < 1:
            first = reach.argmin()
            w[on] += reach[first] * step
            w[on[first]] = signs[on[first]] = 0
            continue
        w[on] = goal
        rest = slope - gram @ w
        rest[on] = 0
        enters = np.abs(rest).argmax()
        if abs(rest[enters]) <= penalty * (1 + _SLACK) + rounding:
            return w
        signs[enters] = np.sign(rest[enters])
    raise ArithmeticError(f"the lasso has not reached its minimum in {100 * len(w)} steps")


def _solution(system: numpy.ndarray, right: numpy.ndarray) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Least norm solution x of system x = right, system positive semidefinite, and the part of `right` that it
    cannot reach."""
    import numpy as np
    from scipy.linalg import cho_solve

    try:
        lower = np.linalg.cholesky(system)
        if (lower.diagonal() ** 2 > _DEPENDENT * system.diagonal()).all():
            return cho_solve((lower, True), right), np.zeros_like(right)
    except np.linalg.LinAlgError:
        pass
    values, vectors = np.linalg.eigh(system)
    solvable = values > _DEPENDENT * values[-1]
    parts = vectors.T @ right
    return vectors[:, solvable] @ (parts[solvable] / values[solvable]), vectors[:, ~solvable] @ parts[~solvable]


def _allowed(alpha: float) -> None:
    if not 0 < alpha <= 1:
        raise InputError(
            f"alpha is {alpha}; a number above 0 and at most 1 is allowed (1: all weights are 0; for no "
            "penalty take least_squares)"
        )


@hookimpl
def simbench_stitchers():
    return [Lasso()]
