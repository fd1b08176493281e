"""p-values from relabelled networks."""

from __future__ import annotations

import numpy as np
from numpy import ndarray

#: Correlations closer than this count as equal: they differ by rounding errors.
_TIE = 1e-10


def p_value(value: float, replicates: ndarray, exact: bool) -> float:
    """Two-sided: twice the smaller of the shares of relabellings at least as low, and at least as high.

    The distribution need not be centred at 0: pooled over layers it carries the effect of depth. exact: the
    R replicates are all relabellings, the identity among them; else it is added to the random ones.
    """
    defined = replicates[np.isfinite(replicates)]
    if not len(defined):
        return np.nan
    lower, upper = (defined <= value + _TIE).sum(), (defined >= value - _TIE).sum()
    tail = min(lower, upper) / len(defined) if exact else (min(lower, upper) + 1) / (len(defined) + 1)
    return float(min(1.0, 2 * tail))
