"""Samples drawn from a seed."""

from __future__ import annotations

import torch
from torch import Tensor


def draw(n: int, limit: int | None, seed: int) -> Tensor:
    """(min(n, limit),) places among n, drawn without replacement from the seed, in ascending order; all for None.

    >>> draw(5, 3, seed=0).tolist() == sorted(set(draw(5, 3, seed=0).tolist()))
    True
    >>> draw(3, None, seed=0).tolist()
    [0, 1, 2]
    """
    if limit is None or n <= limit:
        return torch.arange(n)
    return torch.randperm(n, generator=torch.Generator().manual_seed(seed))[:limit].sort().values
