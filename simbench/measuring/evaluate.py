"""The value of an index on rows, by the cheapest exact method that its contract offers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simbench.contracts import Index
from simbench.isolation.loans import lend
from simbench.system.surroundings import abroad

if TYPE_CHECKING:
    from torch import Tensor

    from simbench.moments.pair import Moments
    from simbench.moments.scatter import Scatter


def turnable(index: Index) -> bool:
    """True when both sides may be moved and rotated freely without changing the value."""
    with abroad():
        claims = index.claims
    return all({"orthogonal", "translation"} <= side for side in (claims.invariances_a, claims.invariances_b))


def of_states(index: Index, view: str) -> bool:
    """True where an index compares what it prepares of each side: if it needs samples, and in view flat, whose neurons
    may outnumber the images, if its sides may not be rotated."""
    return index.prepares and (index.needs == "samples" or (view == "flat" and not turnable(index)))


def apart(index: Index, a: Tensor) -> bool:
    """True where the value of rows a (n, p), p >= n, is what the index compares of states that it prepares of each side
    (see `ground`)."""
    return index.prepares and a.shape[1] >= len(a) and (index.needs == "samples" or turnable(index))


def evaluate(index: Index, a: Tensor, b: Tensor) -> tuple[Tensor, Moments | None]:
    """0-dim value of the index on rows a (n, p), b (n, q) of any real dtype, differentiable where the index is, and
    the moments it was computed from, if any. Raises Undefined where the index does."""
    a, b, m = ground(index, a, b)
    if m is None:
        return lend(index, index.from_samples, a, b), None
    return lend(index, index.from_moments, m, own=True), m


def ground(index: Index, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Moments | None]:
    """What the index is asked about on rows a (n, p), b (n, q) of any real dtype: rows as it takes them, and their
    moments unless it takes the rows themselves.

    Rows are widened to float64 first; those of extreme scale are scaled by a power of two where the index claims not
    to see it. Rows that are wider than they are many never make p x p matrices where the index allows: it is given the
    rows themselves if it takes them, else their coordinates in the span of the rows, or moments that hold the rows.
    """
    from simbench.moments.pair import Moments

    with abroad():
        claims = index.claims
    wide = index.needs == "moments" and turnable(index) and max(a.shape[1], b.shape[1]) >= len(a)
    if index.needs == "samples" or (wide and index.takes_samples):
        return widened(index, a, claims.invariances_a), widened(index, b, claims.invariances_b), None
    a, b = _scaled(a, claims.invariances_a), _scaled(b, claims.invariances_b)
    if not wide:
        return a, b, Moments.of(a, b, keep_rows=True)
    left, right = narrow(a, "linear" in claims.invariances_a), narrow(b, "linear" in claims.invariances_b)
    return a, b, Moments.between(left, right)


def widened(index: Index, x: Tensor, invariances: frozenset[str]) -> Tensor:
    """Rows of any real dtype as an index receives them: in float64 unless it widens them itself, and those of extreme
    scale scaled where that is among its invariances of this side."""
    import torch

    x = _scaled(x, invariances)
    return x if index.any_precision else x.to(torch.float64)


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
