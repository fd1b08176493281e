"""Containers: paired rows of two representations, read from arrays, tensors, data frames or lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simbench.errors import InputError, unknown
from simbench.moments.dense import UNREADABLE, dense
from simbench.moments.frames import aligned
from simbench.moments.layout import Layout
from simbench.moments.views import ALL_VIEWS, LAYOUTS, TOKEN_VIEWS, USUAL, layout_of, rows

if TYPE_CHECKING:
    from torch import Tensor


def paired_rows(
    a: Any, b: Any, view: str, layout: str | tuple[str | None, str | None] | None = None
) -> tuple[Tensor, Tensor, int]:
    """Rows (m, p) of a and (m, q) of b in a view, as copies with finite floats on the device of a; and the number of
    rows that are left out because they contain masked values.

    a, b: anything that holds real numbers: arrays, tensors, data frames, lists; sparse and quantised tensors
        become dense; integers, and floats that torch does not support, become float64.
    layout: of both, or a pair; see `views.layout_of`, or as `tokens[prefix=1,grid=14x14]` (`Layout`).

    A row with a masked value on either side is left out of both, and masked values are not read.
    Two pandas data frames pair by their index; everything else pairs by position. Raises
    InputError, in one line, for anything but finite real numbers, and for rows that do not pair.
    """
    if not isinstance(view, str) or view not in ALL_VIEWS:
        raise unknown("view", view, ALL_VIEWS)
    layouts = _layouts(layout)
    (a, hidden_a), (b, hidden_b) = (
        _rows(x, name, view, one) for x, name, one in zip((a, aligned(b, a)), "ab", layouts, strict=True)
    )
    if len(a) != len(b):
        raise InputError(
            f"a has {len(a)} rows and b has {len(b)} in view {view!r}; both must come from the same "
            "inputs, in the same order (layers of different height and width: try view='pooled')"
        )
    hidden = [mask.to(a.device) for mask in (hidden_a, hidden_b) if mask is not None]
    b = b.to(a.device)
    if not hidden:
        return a, b, 0
    seen = ~(hidden[0] | hidden[-1])
    return a[seen], b[seen], len(a) - int(seen.sum())


def _layouts(layout: Any) -> tuple[str | None, str | None]:
    """The layout of each side."""
    pair = tuple(layout) if isinstance(layout, (tuple, list)) else (layout, layout)
    if len(pair) != 2 or not all(one is None or isinstance(one, str) for one in pair):
        raise InputError(
            f"layout is {layout!r}; give one of {', '.join(map(repr, LAYOUTS))}, or a pair of them, for a and for b"
        )
    for one in pair:
        if one is not None and one not in LAYOUTS and not _of_tokens(one):
            raise unknown("layout", one, (*LAYOUTS, "tokens[prefix=K,grid=HxW]"))
    return pair


def _of_tokens(layout: str | None) -> Layout | None:
    """The layout of tokens that a text says; None for other layouts."""
    return Layout.parse(layout) if layout is not None and layout.startswith("tokens") else None


def _taken(x: Tensor, view: str, layout: str, tokens: Layout | None) -> Tensor:
    """Rows of activations x. tokens: what is known of its class tokens and its grid."""
    if view not in TOKEN_VIEWS or tokens is None:
        return rows(x, view, layout)
    return x[:, 0] if view == "cls" else rows(tokens.canonical(x), "spatial")


def _rows(x: Any, name: str, view: str, layout: str | None) -> tuple[Tensor, Tensor | None]:
    """Rows of one side, and a mask of the rows with masked values (None where there are none)."""
    import torch

    try:
        numbers, mask = dense(x)
        bad = int((~torch.isfinite(numbers)).sum())
    except InputError as error:
        raise InputError(f"{name} {error}") from None
    except UNREADABLE as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{name} is not an array of numbers ({reason}); give a numpy array or torch tensor") from None
    shape = tuple(numbers.shape)
    if layout is None and numbers.ndim not in USUAL:
        known = " or ".join(f"layout={one!r}" for one in LAYOUTS if len(one) == numbers.ndim)
        raise InputError(
            f"{name} has shape {shape}; allowed are (n, p) and (n, c, h, w)"
            + (f", or {known}, which says what the axes are" if known else "")
        )
    try:
        tokens = _of_tokens(layout)
        layout = layout_of(numbers, "ntc" if tokens else layout)
        if view == "cls" and (tokens is None or not tokens.prefix):
            raise InputError("view 'cls' takes the first class token; give a layout such as 'tokens[prefix=1]'")
    except InputError as error:
        raise InputError(f"{name}: {error} (a pair such as layout=('nc', 'nhwc') gives each side its own)") from None
    if numbers.numel() == 0:
        raise InputError(f"{name} has shape {shape} and is empty; allowed are (n, p) and (n, c, h, w)")
    if bad:
        raise InputError(f"{name} has {bad} values that are NaN or infinite; give finite activations")
    taken = _taken(numbers, view, layout, tokens)
    if isinstance(x, torch.Tensor) and taken.untyped_storage().data_ptr() == numbers.untyped_storage().data_ptr():
        taken = taken.clone()  # an index that modifies its rows must not modify the caller's array
    if mask is None or not bool(mask.any()):
        return taken, None
    return taken, _taken(mask.to(torch.float32), view, layout, tokens).ne(0).any(1)
