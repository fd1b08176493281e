"""The checks of a stitcher: of maps that it computes from moments, or of maps that it trains through a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from simbench.check.outcome import Check
from simbench.check.stitcher import maps, training
from simbench.check.stitcher.contract import contract
from simbench.contracts import Stitcher

#: Name -> rule for a stitcher that computes from moments.
DIRECT: dict[str, Callable[[Stitcher], str]] = {
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
#: Name -> rule for a stitcher that trains through the end network.
TRAINED: dict[str, Callable[[Stitcher], str]] = {
    "family": training.family,
    "objective": training.objective,
    "on_step": training.on_step,
    "starts": training.starts,
    "widths": training.widths,
    "inputs_untouched": training.inputs_untouched,
    "deterministic": training.deterministic,
}


def stitcher_checks(stitcher: Stitcher) -> Iterator[Check]:
    """All checks of a configured stitcher."""
    yield Check("contract", partial(contract, stitcher))
    for name, rule in (TRAINED if stitcher.needs == "task" else DIRECT).items():
        yield Check(name, partial(rule, stitcher))
