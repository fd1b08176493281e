"""The value of an index on rows, by the cheapest exact road its contract offers."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from simbench.contracts import Index
from simbench.contracts.plugin import overrides
from simbench.errors import DegenerateWarning, InputError, Spoilt, Undefined
from simbench.isolation.answers import nan, number, refusal
from simbench.isolation.loans import lend
from simbench.moments.containers import paired_rows
from simbench.system.surroundings import abroad

if TYPE_CHECKING:
    from torch import Tensor

    from simbench.moments.pair import Moments
    from simbench.moments.scatter import Scatter

#: Fewest rows for which every index is defined (the debiased HSIC divides by n - 3).
MIN_ROWS = 4


def turnable(index: Index) -> bool:
    """True when both sides may be moved and rotated freely without changing the value."""
    with abroad():
        claims = index.claims
    return all({"orthogonal", "translation"} <= side for side in (claims.invariances_a, claims.invariances_b))


def evaluate(index: Index, a: Tensor, b: Tensor) -> tuple[Tensor, Moments | None]:
    """0-dim value of the index on rows a (n, p), b (n, q) of any real dtype, differentiable where the index is, and
    the moments it was computed from, if any.

    Rows are widened to float64 first; those of extreme scale are scaled by a power of two where the index claims not
    to see it. Rows that are wider than they are many never make p x p matrices where the index allows: it is given the
    rows themselves if it takes them, else their coordinates in the span of the rows, or moments that hold the rows.
    Raises Undefined where the index does.
    """
    import torch

    from simbench.moments.pair import Moments

    with abroad():
        claims = index.claims
    a, b = _scaled(a, claims.invariances_a), _scaled(b, claims.invariances_b)
    wide = index.needs == "moments" and turnable(index) and max(a.shape[1], b.shape[1]) >= len(a)
    if index.needs == "samples" or (wide and overrides(index, "from_samples")):
        a, b = (x if index.any_precision else x.to(torch.float64) for x in (a, b))
        return lend(index, index.from_samples, a, b), None
    if not wide:
        m = Moments.of(a, b, keep_rows=True)
    else:
        m = Moments.between(narrow(a, "linear" in claims.invariances_a), narrow(b, "linear" in claims.invariances_b))
    return lend(index, index.from_moments, m, own=True), m


def _scaled(x: Tensor, kept: frozenset[str]) -> Tensor:
    """Rows x, or, where they are of extreme scale and the index keeps its value, these times a power of two: of one for
    all, or of one for each feature. Half precision has no extreme scales."""
    from simbench.moments.precision import rescaled

    if not x.is_floating_point() or x.dtype.itemsize < 4 or "scaling" not in kept:
        return x
    return rescaled(x, each="linear" in kept)


def narrow(x: Tensor, scaled: bool) -> Scatter:
    """Scatter of the principal coordinates of rows x; of x with its features scaled to unit size first,
    where that changes nothing but the rounding."""
    import torch

    from simbench.moments.coordinates import principal_coordinates
    from simbench.moments.precision import precision
    from simbench.moments.scatter import Scatter

    eps, x = precision(x), x.to(torch.float64)
    if scaled:
        size = (x - x.mean(0)).abs().amax(0)
        x = x / torch.where(size > 0, size, 1)
    return Scatter.of(principal_coordinates(x, eps), keep_rows=True, eps=eps)


def compare(index: Index, a, b, view: str, layout: str | tuple[str | None, str | None] | None = None) -> float:
    """Value of an index on arrays or tensors, looked at first; see `simbench.similarity`."""
    from simbench.moments.coordinates import rounding_only
    from simbench.moments.precision import measured

    a, b, masked = paired_rows(a, b, view, layout)
    if len(a) < MIN_ROWS:
        told = f" in which nothing is masked, and {masked} in which something is" if masked else ""
        raise InputError(f"a and b have {len(a)} rows{told}; at least {MIN_ROWS} are needed")
    for name, x in (("a", a), ("b", b)):
        if bool((x == x[0]).all()):
            raise InputError(
                f"{name} is constant: every row is the same, so no index is defined; "
                "give activations that vary over the inputs"
            )
        if rounding_only(x):
            raise InputError(
                f"{name} is degenerate: no feature varies by more than the rounding of its numbers "
                f"(precision {measured(x):.1g}), so no index is defined; give activations that vary over "
                "the inputs, or the same in a finer precision"
            )
    try:
        result, m = evaluate(index, a, b)
        reason = lend(index, index.degenerate, m, own=True) if m is not None else None
    except Spoilt as change:
        raise InputError(str(change)) from change
    except Undefined as undefined:
        raise InputError(f"{index.spec} is undefined for a and b: {undefined}") from None
    if reason:
        warnings.warn(f"{index.spec}: {reason}", DegenerateWarning, stacklevel=3)
    return _checked(index, result)


def _checked(index: Index, result: Any) -> float:
    """The number that an index returned; InputError where it is none."""
    reason = refusal(index, result)
    if reason:
        told = f"index {index.spec!r} returned NaN for finite input" if nan(result) else reason
        raise InputError(f"{told}; `simbench check {index.name}` looks into it")
    return number(index, result)
