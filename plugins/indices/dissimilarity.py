"""Representational dissimilarity matrices (RDMs), as vectors of pairs of rows."""

from __future__ import annotations

from typing import NamedTuple

import torch
from simbench_plugins.indices.distances import distances
from simbench_plugins.indices.vectors import directions
from torch import Tensor

from simbench import Inapplicable, Undefined

_EPS = torch.finfo(torch.float64).eps
#: Rounding errors of a dissimilarity, in epsilons of the size of the rows; after whitening, of any condition.
_ROUNDINGS, _WHITENED = 16, 256


class Dissimilarities(NamedTuple):
    """values (n (n - 1) / 2,) of the pairs of rows i < j, in the order of `torch.pdist`. rounding: the error of one of
    them from computing in float64. noise: its error from the precision of the original rows."""

    values: Tensor
    rounding: float
    noise: float


def dissimilarities(x: Tensor, kind: str, eps: float) -> Dissimilarities:
    """Dissimilarities of all pairs of rows of x (n, p), in float64. eps: precision of the original rows.

    kind: "euclidean"; "sqeuclidean", its square; "correlation" 1 - the Pearson correlation of two rows over the
        features; "cosine" 1 - the cosine of two rows; "mahalanobis" the Euclidean distance in whitened coordinates
        (unit covariance over the rows, directions of rounding errors left out), "sqmahalanobis" its square.

    Raises Undefined, with a reason that follows the name of the side, where a row has no direction, and Inapplicable
    where whitened rows are equally far apart because they are few.
    """
    largest = float(x.detach().abs().max())
    size = float(torch.linalg.vector_norm(x.detach(), dim=1).max())
    if kind in ("correlation", "cosine"):
        # 1 - <u, v> = |u - v|^2 / 2 of rows of length 1, without the cancellation.
        if kind == "correlation":
            x = x - x.mean(1, keepdim=True)
            x = x - x.mean(1, keepdim=True)  # the rounding error of the mean
            why = "constant over the features", "no correlation with others; use rdm=euclidean"
        else:
            why = "zero", "no cosine with others; use rdm=euclidean"
        x, shortest = directions(x, *why, _ROUNDINGS * _EPS * size)
        size, largest = size / shortest, largest / shortest
    elif kind.endswith("mahalanobis"):
        x = _whitened(x)
        size = largest = float(torch.linalg.vector_norm(x.detach(), dim=1).max()) * _WHITENED / _ROUNDINGS
    values = distances(x)
    rounding, noise = _ROUNDINGS * _EPS * size, 4 * eps * largest
    if kind in ("euclidean", "mahalanobis"):
        return Dissimilarities(values, rounding, noise)
    longest = float(values.detach().max())
    squared = values.square() if kind.startswith("sq") else values.square() / 2
    return Dissimilarities(squared, 2 * longest * rounding, 2 * longest * noise)


def _whitened(x: Tensor) -> Tensor:
    """(n, rank) coordinates of the rows about their mean, with unit covariance."""
    from simbench.moments import Scatter

    n, side = len(x), Scatter.of(x, keep_rows=True)
    if side.constant or side.rounding:
        raise Undefined("has no rows that differ by more than rounding")
    whitened = side.whitened
    if whitened.rank >= n - 1:
        raise Inapplicable(
            f"has {whitened.rank} directions on {n} rows, which are all equally far apart after whitening; give more "
            "rows, or use rdm=euclidean"
        )
    return whitened.scores * (n - 1) ** 0.5
