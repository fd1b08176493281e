"""Whether a layer still counts for a target when a network or a pair is left out."""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from simbench.statistics.blocks import cells, scopes
from simbench.statistics.cells import MIN_PAIRS
from simbench.statistics.grids import Grid, Variable
from simbench.statistics.relabelling import without_network, without_pair
from simbench.statistics.replicates import NETWORKS, PAIRS
from simbench.statistics.trust import ROUNDING


def remaining(grid: Grid, y: Variable, layer: str) -> dict[str, ndarray]:
    """Kind of replicate -> (R,) whether enough pairs are left and the target varies over them, as `trust` asks of all.
    Where it does not, the layer is left out, for every index alike."""
    mask = y.ok & scopes(grid)[layer]
    at, pairs, values = cells(grid, mask), np.nonzero(mask)[0], y.values[mask][:, None]
    found = {}
    for name, draw in ((NETWORKS, without_network(at)), (PAIRS, without_pair(at, pairs, len(grid.pairs)))):
        inside = draw.weights > 0
        spread = np.where(inside, values, -np.inf).max(0, initial=-np.inf)
        spread = spread - np.where(inside, values, np.inf).min(0, initial=np.inf)
        largest = np.where(inside, np.abs(values), 0).max(0, initial=0)
        found[name] = (inside.sum(0) >= MIN_PAIRS) & (spread > ROUNDING * largest)
    return found
