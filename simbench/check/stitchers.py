"""The checks of a stitcher."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from simbench.check import maps, training
from simbench.check.contract import declared
from simbench.check.families import FAMILIES, MATCHINGS
from simbench.check.fits import fit, rank, regular, shaped
from simbench.check.outcome import Check, Violation, require
from simbench.contracts import Stitcher
from simbench.contracts.plugin import overrides
from simbench.errors import Inapplicable

#: What is minimised by its own `loss`, and all that can be minimised.
OWN_LOSS = ("penalised_residual", "correlation")
OBJECTIVES = ("residual", "cross_entropy", *OWN_LOSS, "")
METHODS = {"moments": "from_moments", "task": "from_task"}


def stitcher_checks(stitcher: Stitcher) -> Iterator[Check]:
    """Every check of a configured stitcher: of its maps when it is direct, on a network when it is trained."""
    yield Check("contract", partial(contract, stitcher))
    rules = network_rules() if stitcher.needs == "task" else direct_rules()
    for name, rule in rules.items():
        yield Check(name, partial(rule, stitcher))


def direct_rules() -> dict[str, Callable[[Stitcher], str]]:
    """Name -> rule for a stitcher that computes from moments."""
    return {
        "family": maps.family,
        "recovery": maps.recovery,
        "optimality": maps.optimality,
        "widths": maps.widths,
        "dead_features": maps.dead_features,
        "fewer_rows": maps.fewer_rows,
        "merge_order": maps.merge_order,
        "inputs_untouched": maps.inputs_untouched,
        "deterministic": maps.deterministic,
    }


def network_rules() -> dict[str, Callable[[Stitcher], str]]:
    """Name -> rule for a stitcher that trains through the end network."""
    return {
        "family": training.family,
        "objective": training.objective,
        "on_step": training.on_step,
        "starts": training.starts,
        "widths": training.widths,
        "inputs_untouched": training.inputs_untouched,
        "deterministic": training.deterministic,
    }


def contract(stitcher: Stitcher) -> str:
    """The stitcher declares all it must; it returns a finite Affine (p, q), a direct one in float64."""
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
        found = fit(stitcher, pair)
    except Inapplicable as refusal:
        raise Violation(f"refuses well conditioned rows of equal width: {refusal}") from None
    shaped(found, pair)
    return f"returns a finite float64 Affine {tuple(found.weight.shape)}"
