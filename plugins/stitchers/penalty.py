"""The penalty on similarity that a stitch can be trained with (paper, section 6.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simbench_plugins.indices.cka import CKA

from simbench import Index, InputError
from simbench.measuring.evaluate import evaluate
from simbench.moments.views import rows

if TYPE_CHECKING:
    from torch import Tensor


def penalty(index: Index, view: str, stitched: Tensor, own: Tensor) -> Tensor:
    """Index of stitched activations (n, ...) against Model 2's own (n, ...) in a view, larger for higher similarity:
    0-dim; or (k,) for the activations (k, n, ...) of k maps. Differentiable with respect to the stitched ones."""
    import torch

    alone = stitched.ndim == own.ndim
    values = [_value(index, view, one, own) for one in (stitched[None] if alone else stitched)]
    return index.claims.direction * (values[0] if alone else torch.stack(values))


def _value(index: Index, view: str, stitched: Tensor, own: Tensor) -> Tensor:
    """0-dim value of the index. InputError where a batch has more rows than the index may be given."""
    import torch

    wide = view == "flat" and own[0].numel() >= len(own) and stitched.shape == own.shape
    if wide and index == CKA() and stitched.dtype == own.dtype == torch.float32:
        return index.of_training_batch(*(_flat(x) for x in (stitched, own)))
    x, y = rows(stitched, view), rows(own, view)
    if index.needs == "samples" and index.max_rows is not None and len(x) > index.max_rows:
        raise InputError(
            f"{index.spec} takes at most {index.max_rows} rows, and a batch of {len(own)} images has {len(x)} in view "
            f"{view}; give a smaller batch, or another view"
        )
    return evaluate(index, x, y)[0]


def _flat(x: Tensor) -> Tensor:
    """Rows (n, h w c) of activations (n, c, h, w), no copy in channels-last memory; rows (n, c) as they are."""
    return x.permute(0, 2, 3, 1).flatten(1) if x.ndim == 4 else x


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
