"""Views: how convolutional activations become the rows of a matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simbench.errors import InputError, unknown

if TYPE_CHECKING:
    from torch import Tensor

#: name -> what a row is
VIEWS = {
    "spatial": "a pixel of an image: (n, c, h, w) -> (n h w, c)",
    "flat": "an image, all its neurons: (n, c, h, w) -> (n, c h w)",
    "pooled": "an image, channel means: (n, c, h, w) -> (n, c)",
}


def rows(x: Tensor, view: str) -> Tensor:
    """Rows of activations x, (n, c, h, w) in the given view or (n, p) as they are."""
    if view not in VIEWS:
        raise unknown("view", view, VIEWS)
    if x.ndim == 2:
        return x
    if x.ndim != 4:
        raise InputError(f"activations have shape {tuple(x.shape)}; allowed are (n, p) and (n, c, h, w)")
    if view == "spatial":
        return x.permute(0, 2, 3, 1).flatten(0, 2)
    return x.flatten(1) if view == "flat" else x.mean((2, 3))
