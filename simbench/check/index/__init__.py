"""The checks of an index: its contract, its claims, and that all ways to compute it agree on rows of all kinds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from simbench.check.index import claims, precision, routes, rows, side_effects, states
from simbench.check.index.contract import contract
from simbench.check.outcome import Check
from simbench.contracts import INVARIANCES, Index

#: Name -> rule, in the order in which they are reported, fundamental rules first.
RULES: dict[str, Callable[[Index], str]] = {
    "contract": contract,
    "known_answers": claims.known_answers,
    "range": claims.range_,
    "direction": claims.direction,
    "identity": claims.identity,
    "symmetry": claims.symmetry,
    "gradient": claims.gradient,
    "widths": rows.widths,
    "dead_features": rows.dead_features,
    "fewer_rows": rows.fewer_rows,
    "float32": precision.float32,
    "merge_order": precision.merge_order,
    "routes": routes.routes,
    "similarity": routes.similarity,
    "bad_input": rows.bad_input,
    "inputs_untouched": side_effects.inputs_untouched,
    "deterministic": side_effects.deterministic,
}
#: Of an index with `prepare` and `compare`.
OF_STATES: dict[str, Callable[[Index], str]] = {
    "state": states.state,
    "one_side": states.one_side,
    "compare": states.compare,
    "states_untouched": states.states_untouched,
}


def index_checks(index: Index) -> Iterator[Check]:
    """All checks of a configured index. An index that is computed from a case has only checks of its declarations."""
    if index.needs == "case":
        yield Check("contract", partial(contract, index))
        yield Check("similarity", partial(routes.refused, index))
        return
    for name, rule in (RULES | (OF_STATES if index.prepares else {})).items():
        yield Check(name, partial(rule, index))
    for side in ("a", "b"):
        for group in INVARIANCES:
            yield Check(f"{group}_{side}", partial(claims.invariance, index, side, group))
