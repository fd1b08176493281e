"""Layouts and views: the meaning of the axes of activations, and their conversion to the rows of a matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from simbench.errors import InputError, unknown

if TYPE_CHECKING:
    from torch import Tensor

#: View -> meaning of a row.
VIEWS = {
    "spatial": "a pixel or token of an input: (n, c, h, w) -> (n h w, c)",
    "flat": "an input, all its neurons: (n, c, h, w) -> (n, c h w)",
    "pooled": "an input, channel means: (n, c, h, w) -> (n, c)",
}
#: Views of layers whose class and register tokens are known -> meaning of a row.
TOKEN_VIEWS = {
    "tokens": "a pixel or token of an input, without class and register tokens: (n, k + t, c) -> (n t, c)",
    "cls": "an input, its first class token: (n, k + t, c) -> (n, c)",
}
#: Every view, and those in which places of two layers pair.
ALL_VIEWS, PLACED = (*VIEWS, *TOKEN_VIEWS), ("spatial", "tokens")
#: Layout -> axes of activations: n inputs, c channels (neurons), h x w pixels, d x h x w voxels, t tokens.
LAYOUTS = {
    "nc": "(n, c)",
    "nchw": "(n, c, h, w)",
    "nhwc": "(n, h, w, c)",
    "ntc": "(n, t, c)",
    "nct": "(n, c, t)",
    "ncdhw": "(n, c, d, h, w)",
    "ndhwc": "(n, d, h, w, c)",
}
#: Numbers that are averaged at a time.
_PART = 2**18
#: Number of axes -> default layout. Three axes are ambiguous and have none.
USUAL = {2: "nc", 4: "nchw"}
#: Number of axes -> layout of what `channels_first` returns.
CANONICAL = {**USUAL, 5: "ncdhw"}


def layout_of(x: Tensor, layout: str | None = None) -> str:
    """The layout of activations x: the given one, or the usual one of this number of axes.

    Raises InputError for a layout that is unknown or has another number of axes, and for ambiguous axes without a
    layout.

    >>> import torch
    >>> layout_of(torch.zeros(10, 16, 8, 8))
    'nchw'
    """
    if layout is None and x.ndim in USUAL:
        return USUAL[x.ndim]
    if layout is None:
        axes = " or ".join(f"{name!r} {meaning}" for name, meaning in LAYOUTS.items() if len(name) == x.ndim)
        raise InputError(
            f"activations have shape {tuple(x.shape)}; allowed are (n, c) and (n, c, h, w)"
            + (f", or a layout that says which axis holds the channels: {axes}" if axes else "")
        )
    if not isinstance(layout, str) or layout not in LAYOUTS:
        raise unknown("layout", layout, LAYOUTS)
    if len(layout) != x.ndim:
        raise InputError(
            f"activations have shape {tuple(x.shape)} and layout {layout!r} is {LAYOUTS[layout]}; give "
            f"{len(layout)} axes, or another layout"
        )
    return layout


def channels_first(x: Tensor, layout: str | None = None) -> Tensor:
    """x as (n, c), (n, c, h, w) or (n, c, d, h, w), with t tokens as h = t, w = 1; shares the memory of x."""
    layout = layout_of(x, layout)
    if layout in ("nc", "nchw", "ncdhw"):
        return x
    if layout in ("nhwc", "ndhwc"):
        return x.movedim(-1, 1)
    return (x.mT if layout == "ntc" else x).unsqueeze(-1)


def leaves_out(shape: Sequence[int], view: str, kept: Tensor | None) -> bool:
    """Whether a view of activations of this shape, (c, h, w) or (c,) of one input, leaves out places that are not kept:
    those of tokens (c, t, 1) in views spatial, tokens and pooled, where kept is (n, t)."""
    return kept is not None and view in (*PLACED, "pooled") and tuple(shape[1:]) == (kept.shape[1], 1)


def rows(x: Tensor, view: str, layout: str | None = None, kept: Tensor | None = None) -> Tensor:
    """Rows of activations x in the given view; (n, c) is returned unchanged. layout: see `layout_of`. kept: (n, t)
    booleans, which tokens are no padding; others are left out (`leaves_out`), one or more of each input is kept.

    View tokens is that of x without class and register tokens, and view cls that of a class token, (n, c): InputError
    for places in view cls, of which none is known to be a class token.

    >>> import torch
    >>> x = torch.zeros(10, 16, 8, 8)
    >>> [tuple(rows(x, view).shape) for view in ("spatial", "flat", "pooled")]
    [(640, 16), (10, 1024), (10, 16)]
    """
    if view not in ALL_VIEWS:
        raise unknown("view", view, ALL_VIEWS)
    x = channels_first(x, layout)
    if x.ndim == 2:
        return x
    if view == "cls":
        raise InputError(
            f"activations have shape {tuple(x.shape)}, in which no class token is known; take view 'pooled'"
        )
    some = None if kept is None or not leaves_out(x.shape[1:], view, kept) else kept.to(x.device)
    if view in PLACED:
        places = x.movedim(1, -1)
        return places.flatten(0, -2) if some is None else places[:, :, 0][some]
    if view == "flat":
        return x.flatten(1)
    return _means(x) if some is None else _means_of(x[..., 0], some)


def _means_of(x: Tensor, kept: Tensor) -> Tensor:
    """(n, c) means of x (n, c, t) over the tokens that are kept (n, t), in the types of `_means`."""
    import torch

    sums = x.to(torch.float64).masked_fill(~kept[:, None], 0).sum(2)
    means = sums / kept.sum(1, keepdim=True)
    return means.to(torch.float32) if x.dtype.is_floating_point and x.dtype.itemsize <= 4 else means


def _means(x: Tensor) -> Tensor:
    """(n, c) means over places, computed in float64 and rounded once to float32, or to float64 if x is float64; of a
    few inputs at a time, whose copies in float64 stay in the processor's cache."""
    import torch

    parts = x.split(max(1, _PART * len(x) // max(x.numel(), 1)))  # type: ignore[no-untyped-call]
    means = torch.cat([part.mean(tuple(range(2, x.ndim)), dtype=torch.float64) for part in parts])
    return means.to(torch.float32) if x.dtype.is_floating_point and x.dtype.itemsize <= 4 else means
