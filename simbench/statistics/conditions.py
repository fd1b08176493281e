"""What a partial correlation holds fixed."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
from numpy import ndarray

from simbench.statistics.cells import Cells
from simbench.statistics.grids import Grid
from simbench.statistics.ranks import ranks

#: Nothing but the layer; the end network; the accuracies of both networks.
PLAIN, END, ACCURACIES = "", "end", "accuracies"
#: Scopes that are means over layers -> what else is held fixed in each layer.
MEANS = MappingProxyType({"within": PLAIN, "within_end": END, "within_accuracy": ACCURACIES})


def conditions(grid: Grid, pairs: ndarray, at: Cells, ranked: bool) -> dict[str, ndarray | None]:
    """Condition -> groups (n,) or covariates (n, c) of the cells of one layer, as for `weighted.correlations`.

    pairs: (n,) places of their pairs in the grid. ACCURACIES are there where the accuracies of all networks are known.
    ranked: covariates are ranks.
    """
    found: dict[str, ndarray | None] = {PLAIN: None, END: at.b}
    accuracies = grid.accuracies[pairs]
    if np.isfinite(accuracies).all():
        found[ACCURACIES] = ranks(accuracies, 0) if ranked else accuracies
    return found
