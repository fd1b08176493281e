"""Check of the contract of an index: its declarations and the type of its values."""

from __future__ import annotations

import torch

from simbench.check import data
from simbench.check.contract import declared
from simbench.check.index.value import compute
from simbench.check.outcome import Violation, require
from simbench.contracts import INVARIANCES, Claims, Index, invariant
from simbench.contracts.plugin import overrides
from simbench.errors import Inapplicable
from simbench.moments.pair import Moments

METHODS = {"moments": "from_moments", "samples": "from_samples", "case": "from_case"}


def contract(index: Index) -> str:
    """The index makes all required declarations and returns a finite 0-dim float tensor."""
    declared(index, METHODS)
    halves = [name for name in ("prepare", "compare") if overrides(index, name)]
    require(len(halves) != 1, f"implements {' and '.join(halves)} alone; an index of states has prepare and compare")
    _well_formed(index.claims)
    if index.needs == "case":
        return "the claims are well formed; from_case is called by runs alone"
    pair = data.related(6, 6, seed=14)
    try:
        result = compute(index, pair.a.clone(), pair.b.clone())
    except Inapplicable as refusal:
        raise Violation(f"refuses well conditioned rows of equal width: {refusal}") from None
    require(isinstance(result, torch.Tensor), f"{METHODS[index.needs]} returns {type(result).__name__}, not a tensor")
    require(
        result.ndim == 0 and result.is_floating_point() and bool(result.isfinite()),
        f"{METHODS[index.needs]} returns shape {tuple(result.shape)}, {result.dtype}; a finite 0-dim float is wanted",
    )
    note = index.degenerate(Moments.of(pair.a, pair.b))
    require(note is None or (isinstance(note, str) and bool(note)), f"degenerate returns {note!r}; a reason or None")
    return f"{METHODS[index.needs]} returns a finite 0-dim {result.dtype} tensor; the claims are well formed"


def _well_formed(promised: Claims) -> None:
    """Require consistent claims."""
    require(isinstance(promised, Claims), f"claims is {promised!r}; a Claims object is wanted")
    require(promised.direction in (1, -1), f"direction is {promised.direction!r}; 1 or -1 is wanted")
    low, high = promised.range
    require(low < high, f"range is {promised.range!r}; (low, high) with low < high is wanted")
    for side in ("a", "b"):
        named = getattr(promised, f"invariances_{side}")
        require(
            named <= set(INVARIANCES),
            f"invariances_{side} holds {set(named) - set(INVARIANCES)}; known are {', '.join(INVARIANCES)}",
        )
        implied = invariant(*named) - named
        require(
            not implied,
            f"invariances_{side} lacks {', '.join(sorted(implied))}, which the others imply; "
            f"use simbench.invariant(...)",
        )
    require(
        not promised.symmetric or promised.invariances_a == promised.invariances_b,
        "symmetric, but the invariances of a and b differ",
    )
