"""Identification of layers: whether the corresponding layer of another network is the most similar one."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from simbench import Result, Row, Undefined

if TYPE_CHECKING:
    from numpy import ndarray

    from simbench import Bench, Case

#: Values that differ by less, relative to the larger of 1 and their size, count as equal.
EQUAL = 1e-9


def identification(case: Case, bench: Bench) -> Result:
    """The share of the default layers of the model that are identified, and the values from which it is computed."""
    import numpy as np

    layers = case.a.model.default_layers
    values = np.full((len(layers), len(layers)), np.nan)
    for i, layer_a in enumerate(layers):
        for j, layer_b in enumerate(layers):
            if case.view != "spatial" or bench.shape(case.a, layer_a)[1:] == bench.shape(case.b, layer_b)[1:]:
                values[i, j] = _value(replace(case, layer_a=layer_a, layer_b=layer_b), case, bench)
    share = identified(case.method.claims.direction * values)
    if share is None:
        raise Undefined(f"no layer can be told from another in view {case.view}: none has a value with two layers")
    return Result([Row("layer_identification", share)], {"similarity": values, "layers": np.array(layers)})


def _value(case: Case, whole: Case, bench: Bench) -> float:
    """Value of the index of a case at two layers, NaN unless ok. All indices of the whole case share the moments."""
    index, nothing = case.method, float("nan")
    if index.needs != "moments" or case.view == "flat":
        row = bench.similarity(index, case)
        return row.value if row.status == "ok" else nothing
    from simbench.isolation.answers import ask
    from simbench.measuring.value import Side, value

    key = ("moments", case.layer_a, case.layer_b, case.view)
    m = bench.once(whole, key, partial(bench.moments, case, "test", case.view))
    sides = [Side.of_scatter(name, x) for name, x in (("a", m.a), ("b", m.b))]
    found = value(index, sides, partial(ask, index, m))
    if found.error is not None:
        raise found.error
    return found.value if found.status == "ok" else nothing


def identified(values: ndarray) -> float | None:
    """Share of the rows of values (L, L), larger for the more similar, whose largest value is on the diagonal; a row
    whose diagonal ties with others counts for one divided by how many tie. Left out are rows without a number on the
    diagonal or without another number; None where all are."""
    import numpy as np

    shares = []
    for i, row in enumerate(values):
        if np.isfinite(row[i]) and np.isfinite(row).sum() > 1:
            largest = np.nanmax(row)
            ties = row >= largest - EQUAL * max(1.0, abs(largest))
            shares.append(ties[i] / ties.sum())
    return float(np.mean(shares)) if shares else None
