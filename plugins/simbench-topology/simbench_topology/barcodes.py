"""Vietoris-Rips persistence of distance matrices, by GUDHI."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from simbench import Undefined

if TYPE_CHECKING:
    import numpy
    from torch import Tensor

#: Share of the distances that is at most 1 after `scaled`.
QUANTILE = 0.9
#: Multiples of the largest distance at which a filtration stops: a complex is a simplex before.
_BEYOND = 1.01


def scaled(rows: Tensor) -> numpy.ndarray:
    """(n, n) Euclidean distances between rows (n, p), divided by their 0.9 quantile over all n^2 entries.

    Raises Undefined where this quantile is 0, so that there is no scale.
    """
    import numpy as np
    from scipy.spatial.distance import pdist, squareform

    rows = rows.detach().double().cpu().numpy()
    apart = squareform(pdist(rows - rows.mean(0)))
    scale = np.quantile(apart, QUANTILE)
    if not scale > 0:
        raise Undefined(
            f"has {len(rows)} rows of which so many are equal that the {QUANTILE} quantile of distances is 0"
        )
    return apart / scale


def bars(apart: numpy.ndarray, dimension: int) -> numpy.ndarray:
    """(k, 2) births and deaths of homology classes of a dimension in the Vietoris-Rips filtration of distances (n, n),
    with coefficients modulo 2. The one class of dimension 0 that never dies is left out. Distances may be infinite."""
    import numpy as np
    from gudhi.sklearn import RipsPersistence

    finite = apart[np.isfinite(apart)]
    rips = RipsPersistence(
        homology_dimensions=[dimension],
        threshold=_BEYOND * float(finite.max()),
        input_type="full distance matrix",
        homology_coeff_field=2,
        n_jobs=1,
    )
    found = np.asarray(rips.fit_transform([apart])[0][0], dtype=np.float64).reshape(-1, 2)
    found = found[np.isfinite(found[:, 1])]
    return found[np.lexsort(found.T)]


def total(found: numpy.ndarray) -> float:
    """Sum of the lengths of bars (k, 2)."""
    return math.fsum(found[:, 1] - found[:, 0])
