"""Ranks in which values that differ by rounding errors are tied, and rank correlations."""

from __future__ import annotations

import torch
from torch import Tensor


def ranks(values: Tensor, rounding: float) -> tuple[Tensor, Tensor]:
    """(m,) ranks of values (m,) from 1, in float64, tied ones with the average of their ranks, and the number of values
    in each group of ties, lowest first. Neighbours in order are tied where they differ by no more than `rounding`."""
    values = values.detach()
    ordered, order = _sorted(values)
    starts = torch.ones(len(values), dtype=torch.bool, device=values.device)
    starts[1:] = ordered[1:] - ordered[:-1] > rounding
    group = starts.cumsum(0) - 1
    counts = torch.bincount(group)
    average = counts.cumsum(0) - (counts - 1) / 2
    result = torch.empty(len(values), dtype=torch.float64, device=values.device)
    result[order] = average.to(torch.float64)[group]
    return result, counts


def untied(counts: Tensor) -> Tensor:
    """(0-dim) number of pairs of values that are not tied, from the number of values in each group of ties."""
    counts = counts.to(torch.float64)
    m = counts.sum()
    return (m * (m - 1) - (counts * (counts - 1)).sum()) / 2


def kendall(a: Tensor, b: Tensor) -> Tensor:
    """Kendall's tau-b of two vectors of ranks, 0-dim, in O(m log m); on the processor."""
    from scipy.stats import kendalltau

    tau = kendalltau(a.cpu().numpy(), b.cpu().numpy(), method="asymptotic").statistic
    return torch.as_tensor(tau, dtype=torch.float64, device=a.device)


def _sorted(values: Tensor) -> tuple[Tensor, Tensor]:
    """Values in increasing order, and their indices."""
    if values.is_cuda:
        return values.sort()
    order = torch.from_numpy(values.numpy().argsort())  # numpy sorts with vector instructions
    return values[order], order
