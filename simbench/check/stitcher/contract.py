"""Check of the contract of a stitcher: its declarations and the type of its maps."""

from __future__ import annotations

from simbench.check.contract import declared
from simbench.check.outcome import Violation, require
from simbench.check.stitcher import training
from simbench.check.stitcher.families import FAMILIES, MATCHINGS
from simbench.check.stitcher.fits import fit, rank, regular, shaped
from simbench.contracts import Stitcher
from simbench.contracts.plugin import overrides
from simbench.errors import Inapplicable

#: Objectives that the stitcher's own `loss` defines, and all objectives.
OWN_LOSS = ("penalised_residual", "correlation")
OBJECTIVES = ("residual", "cross_entropy", *OWN_LOSS, "")
METHODS = {"moments": "from_moments", "task": "from_task"}


def contract(stitcher: Stitcher) -> str:
    """The stitcher makes all required declarations and returns a finite Affine (p, q), in float64 if it is direct."""
    declared(stitcher, METHODS)
    require(stitcher.family in FAMILIES, f"family is {stitcher.family!r}; one of {', '.join(FAMILIES)} is wanted")
    require(
        stitcher.objective in OBJECTIVES,
        f"objective is {stitcher.objective!r}; one of {', '.join(map(repr, OBJECTIVES))} is wanted",
    )
    require(
        stitcher.objective not in OWN_LOSS or overrides(stitcher, "loss"),
        f"objective is {stitcher.objective!r}, but no `loss` says which",
    )
    require(
        stitcher.objective != "correlation" or stitcher.family in MATCHINGS,
        f"objective is 'correlation', but maps of the family {stitcher.family} do not join single neurons",
    )
    require(
        stitcher.family != "reduced_rank" or rank(stitcher) >= 1,
        "family is reduced_rank, but there is no parameter `rank`, a whole number from 1",
    )
    if stitcher.needs == "task":
        return training.contract(stitcher)
    pair = regular(stitcher)[0]
    try:
        affine = fit(stitcher, pair)
    except Inapplicable as refusal:
        raise Violation(f"refuses well conditioned rows of equal width: {refusal}") from None
    shaped(affine, pair)
    return f"returns a finite float64 Affine {tuple(affine.weight.shape)}"
