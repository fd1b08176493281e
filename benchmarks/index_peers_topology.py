"""`index_peers`, continued: the indices of simbench-topology; without it, their rows say that it is absent."""

from __future__ import annotations

import sys
from types import ModuleType

import numpy as np
from index_peers import peer
from numpy import ndarray
from packages import code
from scipy.spatial.distance import pdist, squareform

_FLOAT32 = "ripser computes in float32"
#: The three compare distances divided by their 0.9 quantile.
_QUANTILE = 0.9


def _bars(distances: ndarray, dimension: int) -> ndarray:
    """(k, 2) births and deaths of the bars that end, by ripser."""
    import simbench_topology  # noqa: F401
    from ripser import ripser

    found = ripser(distances, maxdim=dimension, distance_matrix=True)["dgms"][dimension]
    return found[np.isfinite(found).all(1)]


def _diagrams(dimension: int, *sides: ndarray) -> list[ndarray]:
    return [_bars(squareform(pdist(x)) / np.quantile(squareform(pdist(x)), _QUANTILE), dimension) for x in sides]


@peer("persistence[distance=bottleneck]", "ripser and persim bottleneck", _FLOAT32, rows=300)
def _(a, b):
    from persim import bottleneck

    return bottleneck(*_diagrams(1, a, b))


@peer("persistence[dimension=0,distance=bottleneck]", "ripser and persim bottleneck", _FLOAT32, rows=300)
def _(a, b):
    from persim import bottleneck

    return bottleneck(*_diagrams(0, a, b))


@peer(
    "persistence", "ripser and persim wasserstein", "persim measures between two points by Euclidean distance", rows=300
)
def _(a, b):
    from persim import wasserstein

    return wasserstein(*_diagrams(1, a, b))


def _run(options: str, lower: ndarray) -> dict[int, list[tuple[float, float]]]:
    """What ripserplusplus answers, which needs a CUDA device, by ripser; `lower`: the lower triangle of distances."""
    n = int((1 + (1 + 8 * len(lower)) ** 0.5) / 2)
    distances = np.zeros((n, n))
    distances[np.tril_indices(n, -1)] = lower
    return {1: [tuple(bar) for bar in _bars(distances + distances.T, 1)]}


@peer("rtd", "RTD calc_embed_dist, with ripser in place of ripserplusplus", _FLOAT32, rows=200)
def _(a, b):
    sys.modules.setdefault("ripserplusplus", ModuleType("ripserplusplus")).run = _run
    theirs = code("RTD/rtd/barcodes.py").calc_embed_dist
    both = [theirs(*pair, pdist_device="cpu")[1] for pair in ((a, b), (b, a))]
    return sum(death - birth for bars in both for birth, death in bars) / 2


@peer("imd", "imd msid_score", "theirs estimates the heat traces by stochastic Lanczos quadrature")
def _(a, b):
    import simbench_topology  # noqa: F401
    from msid import msid_score

    np.random.seed(0)
    return msid_score(a, b) / 1e6  # their unit
