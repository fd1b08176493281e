"""How far apart two values are, and how far apart they may be."""

from __future__ import annotations

import torch
from torch import Tensor

from simbench.contracts.index import ROUNDING

#: Rounding that is allowed in symmetry and in the order of a sum, the same as at the ends of a claimed range.
EXACT = ROUNDING
#: An invariance holds when values differ by at most `HOLDS`, and is visibly broken when some differ by more than
#: `VISIBLE`. The rounding of a linear map of condition 30 stays below 1e-10.
HOLDS, VISIBLE = 1e-8, 1e-6
#: A distance that is the root of a difference has half the digits at zero: sqrt(1e-16) = 1e-8.
AT_IDENTITY = 1e-6


def gap(x: float | Tensor, y: float | Tensor) -> float:
    """The largest of |x - y| / max(|x|, |y|, 1) over all elements.

    >>> gap(1000.0, 1001.0) < 0.001
    True
    >>> gap(0.0, 0.5)
    0.5
    """
    x, y = (torch.as_tensor(z, dtype=torch.float64) for z in (x, y))
    return float(((x - y).abs() / torch.maximum(x.abs(), y.abs()).clamp_min(1)).max())
