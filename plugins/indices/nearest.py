"""The nearest other rows of every row, for indices that compare neighbourhoods."""

from __future__ import annotations

import torch
from torch import Tensor

from simbench import Undefined

#: Neighbours beyond the k-th that are looked at first, to see which of them are as near as the k-th.
_MORE = 16
_EPS = torch.finfo(torch.float64).eps


def cosines(x: Tensor) -> Tensor:
    """(n, n) cosines of the angles between rows x (n, p), in float64. A row of zeros has cosine 0 with every row."""
    unit = unit_rows(x)
    return unit @ unit.mT


def unit_rows(x: Tensor) -> Tensor:
    """Rows x (n, p) divided by their lengths, in float64. A row of zeros stays."""
    x = x.to(torch.float64)
    sizes = torch.linalg.vector_norm(x, dim=1, keepdim=True)
    return x / torch.where(sizes > 0, sizes, 1)


def neighbours(x: Tensor, k: int, metric: str) -> Tensor:
    """(n, k) indices of the k rows of x (n, p) that are nearest to each row, other than itself, nearest first.

    metric: "cosine", where near means a large cosine, or "euclidean". Rows that are equally near, up to the rounding
    of their distances, stand in the order of their indices. Raises Undefined where there are fewer than k other rows.
    """
    if metric == "cosine":
        return nearest(-cosines(x), k, rounding(x))
    x = x.to(torch.float64)
    x = x - x.mean(0)
    apart = torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist")
    return nearest(apart, k, rounding(x) * float(torch.linalg.vector_norm(x, dim=1).amax()))


def rounding(x: Tensor) -> float:
    """Largest rounding error of an inner product of two rows of length 1, as wide as the rows of x, which were
    themselves scaled to length 1."""
    return 2 * (x.shape[1] + 8) * _EPS


def nearest(apart: Tensor, k: int, tolerance: float) -> Tensor:
    """`neighbours` by distances (n, n). A chain of distances, each at most `tolerance` above the one before,
    counts as equal."""
    n = len(apart)
    if k >= n:
        raise Undefined(f"has {n} rows, of which none has k={k} others; at least {k + 1} rows are needed")
    apart = apart.clone().fill_diagonal_(torch.inf)
    looked = min(k + _MORE, n - 1)
    while True:
        values, rows = apart.topk(looked, dim=1, largest=False)
        group = torch.zeros_like(rows)
        group[:, 1:] = (values[:, 1:] - values[:, :-1] > tolerance).cumsum(1)
        if looked == n - 1 or bool((group[:, k - 1] < group[:, -1]).all()):
            return (group * n + rows).sort(dim=1).values[:, :k] % n
        looked = min(2 * looked, n - 1)


def ranks(of: Tensor, within: Tensor) -> Tensor:
    """(n, k) places from 1 that neighbours `of` (n, k) have in the lists `within` (n, k); 0 for those not in them."""
    n, k = within.shape
    places = torch.zeros(n, n, dtype=torch.int64, device=of.device)
    places.scatter_(1, within, torch.arange(1, k + 1, device=of.device).expand(n, k))
    return places.gather(1, of)
