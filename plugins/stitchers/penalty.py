"""The penalty on similarity that a stitch can be trained with (paper, section 6.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simbench import Index
from simbench.measuring.evaluate import evaluate
from simbench.moments.views import rows

if TYPE_CHECKING:
    from torch import Tensor


def penalty(index: Index, view: str, stitched: Tensor, own: Tensor) -> Tensor:
    """Index of stitched activations (n, ...) against Model 2's own (n, ...) in a view, larger for higher similarity:
    0-dim; or (k,) for the activations (k, n, ...) of k maps."""
    import torch

    alone, target = stitched.ndim == own.ndim, rows(own, view)
    values = [evaluate(index, rows(one, view), target)[0] for one in (stitched[None] if alone else stitched)]
    return index.claims.direction * (values[0] if alone else torch.stack(values))


def unpushable(index: Index) -> str:
    """Why no stitch can be trained against an index, or ""."""
    if "linear" in index.claims.invariances_a:
        return (
            f"index {index.spec} is invariant to any invertible stitch, so a stitch cannot push it; use one that "
            "is not, such as cka"
        )
    if not index.claims.differentiable:
        return (
            f"index {index.spec} is not differentiable, so no stitch can be trained against it; use one that is, "
            "such as cka"
        )
    return ""
