"""Predictions of rows that a regression was not fitted on, and how well they agree with the rows."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from simbench import Inapplicable, Undefined

#: Fewest rows of a fold: on two, every correlation is 1 or -1.
FEWEST = 3
_EPS = torch.finfo(torch.float64).eps
#: Deviations from the mean below this relative size are rounding errors of the mean.
_DEAD = 16 * _EPS


def folds(n: int, count: int) -> list[slice]:
    """`count` runs of consecutive rows out of n, whose lengths differ by at most one; the first are the longest.

    Raises Inapplicable where a fold has fewer than 3 rows.
    """
    if n < FEWEST * count:
        raise Inapplicable(f"has {n} rows; folds={count} takes at least {FEWEST * count}")
    ends = [0]
    for i in range(count):
        ends.append(ends[-1] + n // count + (i < n % count))
    return [slice(*pair) for pair in itertools.pairwise(ends)]


def others(x: Tensor, fold: slice) -> Tensor:
    """The rows of x (n, p) outside a fold."""
    return torch.cat([x[: fold.start], x[fold.stop :]])


def agreement(predicted: Tensor, rows: Tensor, parts: list[slice], noise: Tensor, score: str, average: str) -> Tensor:
    """Mean over the folds of the average over the neurons of their scores, 0-dim.

    predicted: (n, q), for every row the deviation that is predicted from the mean of the rows outside its fold.
    rows: (n, q). noise: (n,) largest rounding errors of `predicted`, relative to the length of a column of rows.
    score: "correlation" or "r2". average: "median" or "mean".

    A neuron that does not vary within a fold has no score there. A prediction that does not vary beyond its rounding
    errors has correlation 0. Raises Undefined where no neuron has a score.
    """
    lengths = torch.linalg.vector_norm(rows - rows.mean(0), dim=0)
    values = []
    for fold in parts:
        truth, guess = rows[fold], predicted[fold]
        moved = truth - truth.mean(0)
        varies = moved.square().mean(0).sqrt() > _DEAD * truth.mean(0).abs()
        if not bool(varies.any()):
            continue
        truth, moved, guess = truth[:, varies], moved[:, varies], guess[:, varies]
        if score == "r2":
            errors = truth - others(rows[:, varies], fold).mean(0) - guess
            scores = 1 - errors.square().sum(0) / moved.square().sum(0)
        else:
            scores = _correlations(guess, moved, torch.linalg.vector_norm(noise[fold]) * lengths[varies])
        values.append(median(scores) if average == "median" else scores.mean())
    if not values:
        raise Undefined("b has no neuron that varies within a fold")
    return torch.stack(values).mean()


def _correlations(guess: Tensor, truth: Tensor, noise: Tensor) -> Tensor:
    """(q,) correlations of the columns of guess and centred truth (m, q); 0 where guess varies by at most `noise`."""
    guess = guess - guess.mean(0)
    size = torch.linalg.vector_norm(guess, dim=0)
    flat = size <= noise
    products = (guess * truth).sum(0) / torch.linalg.vector_norm(truth, dim=0)
    return torch.where(flat, 0, products / torch.where(flat, 1, size)).clamp(-1, 1)


def median(x: Tensor) -> Tensor:
    """Of x (q,), the mean of the two middle values where q is even."""
    x = x.sort().values
    return (x[(len(x) - 1) // 2] + x[len(x) // 2]) / 2


def ridge_predictor(scores: Tensor, parts: list[slice], strength: float, relative: bool) -> tuple[Tensor, Tensor]:
    """(n, n) matrix H whose product with any centred rows b (n, q) are the predictions of b by ridge regressions on
    `scores` (n, r), each fitted on the rows outside one fold, as deviations from their mean; and (n,) rounding errors
    of its rows. Entries within a fold are zero."""
    n = len(scores)
    predictor, noise = scores.new_zeros(n, n), scores.new_zeros(n)
    for fold in parts:
        x = others(scores, fold)
        mean = x.mean(0)
        x = x - mean
        penalty = strength * (x.square().sum() / len(x) if relative else 1.0)
        matrix = x.mT @ x + penalty * torch.eye(x.shape[1]).to(x)
        factor, failed = torch.linalg.cholesky_ex(matrix)
        lost = factor.diagonal().square() <= 8 * x.shape[1] * _EPS * matrix.diagonal()
        if int(failed) or bool(lost.any()):
            raise Undefined(f"needs a larger strength than {strength:g}, which is lost to rounding errors")
        solved = torch.cholesky_solve((scores[fold] - mean).mT, factor).mT
        weights = solved @ x.mT
        predictor[fold, : fold.start], predictor[fold, fold.stop :] = weights[:, : fold.start], weights[:, fold.start :]
        # Rounding errors of inner products are relative to the lengths of what is multiplied.
        noise[fold] = torch.linalg.vector_norm(solved, dim=1) * torch.linalg.vector_norm(x)
    return predictor, n * _EPS * noise
