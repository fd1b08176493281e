"""The value of an index on rows, by the cheapest exact road its contract offers."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from simbench.contracts import Index
from simbench.answers import nan, refusal
from simbench.errors import DegenerateWarning, InputError, Spoilt
from simbench.handed import lend
from simbench.surroundings import abroad
from simbench.views import rows

if TYPE_CHECKING:
    from torch import Tensor

    from simbench.moments import Moments
    from simbench.scatter import Scatter

#: Fewest rows for which every index is defined (the debiased HSIC divides by n - 3).
MIN_ROWS = 4


def turnable(index: Index) -> bool:
    """True when both sides may be moved and rotated freely without changing the value."""
    with abroad():
        claims = index.claims
    return all({"orthogonal", "translation"} <= side for side in (claims.invariances_a, claims.invariances_b))


def evaluate(index: Index, a: Tensor, b: Tensor) -> tuple[Tensor, Moments | None]:
    """0-dim value of the index on rows a (n, p), b (n, q), differentiable where the index is, and the
    moments it was computed from, if any.

    Rows that are wider than they are many never make p x p matrices where the index allows: it is given the
    rows themselves if it takes them, else their coordinates in the span of the rows.
    """
    from simbench.moments import Moments

    if index.needs == "samples":
        return lend(index, index.from_samples, a, b), None
    if max(a.shape[1], b.shape[1]) < len(a) or not turnable(index):
        m = Moments.of(a, b, keep_rows=True)
    elif type(index).from_samples is not Index.from_samples:
        return lend(index, index.from_samples, a, b), None
    else:
        m = Moments.between(_narrow(a, "linear" in index.claims.invariances_a),
                            _narrow(b, "linear" in index.claims.invariances_b))
    return lend(index, index.from_moments, m, own=True), m


def _narrow(x: Tensor, scaled: bool) -> Scatter:
    """Scatter of the principal coordinates of rows x; of x with its features scaled to unit size first,
    where that changes nothing but the rounding."""
    import torch

    from simbench.scatter import Scatter, principal_coordinates

    if scaled:
        size = (x - x.mean(0)).abs().amax(0)
        x = x / torch.where(size > 0, size, 1)
    return Scatter.of(principal_coordinates(x), keep_rows=True, eps=torch.finfo(x.dtype).eps)


def compare(index: Index, a, b, view: str) -> float:
    """Value of an index on arrays or tensors, looked at first; see `simbench.similarity`."""
    a, b = _rows(a, "a", view), _rows(b, "b", view)
    if len(a) != len(b):
        raise InputError(f"a has {len(a)} rows and b has {len(b)} in view {view!r}; both must come from the same "
                         "inputs, in the same order (layers of different height and width: try view='pooled')")
    if len(a) < MIN_ROWS:
        raise InputError(f"a and b have {len(a)} rows; at least {MIN_ROWS} are needed")
    for name, x in (("a", a), ("b", b)):
        if bool((x == x[0]).all()):
            raise InputError(f"{name} is constant: every row is the same, so no index is defined; "
                             "give activations that vary over the inputs")
    try:
        result, m = evaluate(index, a, b)
        reason = lend(index, index.degenerate, m, own=True) if m is not None else None
    except Spoilt as change:
        raise InputError(str(change)) from change
    if reason:
        warnings.warn(f"{index.spec}: {reason}", DegenerateWarning, stacklevel=3)
    return _checked(index, result)


def _checked(index: Index, result: Any) -> float:
    """The number that an index returned; InputError where it is none."""
    reason = refusal(index, result)
    if reason:
        told = f"index {index.spec!r} returned NaN for finite input" if nan(result) else reason
        raise InputError(f"{told}; `simbench check {index.name}` looks into it")
    return float(result)


def _rows(x, name: str, view: str) -> Tensor:
    import numpy as np
    import torch

    try:
        if not isinstance(x, torch.Tensor):
            x = np.asarray(x)  # torch takes neither read-only nor reversed nor byte-swapped arrays: copy
            x = torch.as_tensor(x.astype(x.dtype.newbyteorder("="), order="C"))
        x = x.detach()
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"{name} is not an array of numbers ({error}); give a numpy array or torch tensor") from None
    if x.ndim not in (2, 4):
        raise InputError(f"{name} has shape {tuple(x.shape)}; allowed are (n, p) and (n, c, h, w)")
    if x.is_complex() or x.dtype == torch.bool:
        raise InputError(f"{name} has dtype {x.dtype}; real numbers are allowed")
    if x.numel() == 0:
        raise InputError(f"{name} has shape {tuple(x.shape)} and is empty; allowed are (n, p) and (n, c, h, w)")
    x = x if x.is_floating_point() else x.to(torch.float64)
    if not bool(torch.isfinite(x).all()):
        raise InputError(f"{name} has {int((~torch.isfinite(x)).sum())} values that are NaN or infinite; "
                         "give finite activations")
    return rows(x, view)
