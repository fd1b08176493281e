"""The value of an index on rows with equal pairwise distances.

For such rows, unbiased estimators divide one rounding error by another.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from simbench.check import data
from simbench.check.index.value import evaluated
from simbench.check.outcome import require
from simbench.check.tolerances import HOLDS, gap
from simbench.contracts import Index
from simbench.errors import Inapplicable, InputError, Spoilt, Undefined


def equidistant(index: Index, identical: float, allowed: float) -> str:
    """Require that such rows either have a well-defined value or are refused. Returns the value as text.

    identical: s(a, a) of other rows, which must also be the value of these. allowed: the largest difference between the
    two. An unbiased estimator has no information about such rows and may refuse them with Undefined, InputError or
    Inapplicable.
    """
    rows = data.equidistant()
    other = data.related(rows.shape[1], rows.shape[1], n=len(rows), seed=31).a
    turned = rows @ data.rotation(data.seeded(30), rows.shape[1])
    own = [_unless_refused(lambda x=x: evaluated(index, x, x.clone())) for x in (rows, turned)]
    require(
        all(x is None or gap(x, identical) <= allowed for x in own),
        f"s(a, a) is {own[0]} where all rows are equally far apart, and {own[1]} with these rotated: raise "
        "Undefined where the formula divides rounding by rounding",
    )
    crossed = [_unless_refused(lambda x=x: evaluated(index, other, x)) for x in (rows, turned)]
    require(
        all(x is None or math.isfinite(x) for x in crossed),
        f"s(a, b) is {crossed[0]} where all rows of b are equally far apart; raise Undefined",
    )
    if index.claims.differentiable and "orthogonal" in index.claims.invariances_b:
        require(
            crossed[0] == crossed[1] or (None not in crossed and gap(*crossed) <= HOLDS),
            f"s(a, b) is {crossed[0]} where all rows of b are equally far apart, and {crossed[1]} with these "
            "rotated: raise Undefined where the formula divides rounding by rounding",
        )
    return "no value" if own[0] is None else f"{own[0]:.9g}"


def _unless_refused(call: Callable[[], float]) -> float | None:
    try:
        return call()
    except (Undefined, InputError, Inapplicable, Spoilt):
        return None
