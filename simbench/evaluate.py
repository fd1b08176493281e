"""The value of an index on rows, by the cheapest exact road its contract offers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simbench.contracts import Index

if TYPE_CHECKING:
    from torch import Tensor

    from simbench.moments import Moments


def turnable(index: Index) -> bool:
    """True when both sides may be moved and rotated freely without changing the value."""
    return all({"orthogonal", "translation"} <= side
               for side in (index.claims.invariances_a, index.claims.invariances_b))


def evaluate(index: Index, a: Tensor, b: Tensor) -> tuple[Tensor, Moments | None]:
    """0-dim value of the index on rows a (n, p), b (n, q), differentiable where the index is, and the
    moments it was computed from, if any.

    Rows that are wider than they are many never make p x p matrices where the index allows: it is given the
    rows themselves if it takes them, else their coordinates in the span of the rows.
    """
    from simbench.moments import Moments
    from simbench.scatter import principal_coordinates

    if index.needs == "samples":
        return index.from_samples(a, b), None
    if max(a.shape[1], b.shape[1]) >= len(a) and turnable(index):
        if type(index).from_samples is not Index.from_samples:
            return index.from_samples(a, b), None
        eps = max(_eps(a), _eps(b))
        a, b = principal_coordinates(a), principal_coordinates(b)
        m = Moments.of(a, b, keep_rows=True, eps=eps)
    else:
        m = Moments.of(a, b, keep_rows=True)
    return index.from_moments(m), m


def _eps(x: Tensor) -> float:
    import torch

    return torch.finfo(x.dtype if x.dtype.is_floating_point else torch.float64).eps
