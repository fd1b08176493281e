"""How well each index predicts each stitcher's results: a table of correlations over pairs of networks.

Values are oriented once, so that +1 always means "where the index is large, stitching works". Depth affects
both numbers, so a correlation over all layers can differ in sign from that within every one of them
(Simpson, "The interpretation of interaction in contingency tables", 1951): both are always reported.
All indices of a target are compared on the same cells, a cell being one pair of networks at one layer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pandas as pd

from simbench.columns import CORRELATIONS, GROUP, dtypes
from simbench.errors import InputError
from simbench.statistics.blocks import masks, scopes
from simbench.statistics.conditions import MEANS
from simbench.statistics.estimates import Estimates, estimated
from simbench.statistics.grids import Grid, Variable, grids
from simbench.statistics.jackknife import Left
from simbench.statistics.notes import notes_on
from simbench.statistics.refits import Refits
from simbench.statistics.replicates import Plan
from simbench.statistics.summaries import Estimate


@dataclass(frozen=True, eq=False)
class Correlations:
    """table: columns as in `columns.CORRELATIONS`. left: (*group, stitcher, its parameters, target, index, its
    parameters, view, scope) -> Spearman's correlation, and what it is without each network and pair of the group, for
    the scopes "pooled", "within" and "within_end"; from it come the intervals of means and of differences."""

    table: pd.DataFrame
    left: dict[tuple[str, ...], Left] = field(default_factory=dict)


def correlate(
    measurements: pd.DataFrame,
    methods: pd.DataFrame,
    halves: pd.DataFrame | None = None,
    permutations: int = 1000,
    seed: int = 0,
    intervals: bool = True,
    reliability: pd.DataFrame | None = None,
) -> Correlations:
    """Correlations of the rows of kind "index" with those of kind "stitcher".

    measurements: columns as in measurements.csv; only rows with status ok and a finite value enter. Where there
        are several for one cell, that on the most images does, of these that of the smallest seed.
    methods: kind, method, params, direction (of an index: +1 larger is more similar, -1 a distance).
    halves: scores on halves of the test inputs (`simbench.results.outcomes`), from which reliability and ceiling are
        computed; without them, these are empty, and no layer is left out as unreliable.
    reliability: columns as in correlations.csv, of a table of the same targets: for targets without halves.
    permutations: for p-values, all relabellings of the networks where these are no more than that, else as many random
        ones, drawn with the seed; 0 leaves p-values empty. What is drawn for one (dataset, experiment, model_a,
        model_b) does not depend on what else is there. intervals: False leaves intervals empty.

    Raises InputError for an index without a direction, for two values of one cell in the same setting and for a
    layer named like a scope.
    """
    rows, left, refits = [], {}, Refits(measurements)
    for grid in grids(measurements, methods, halves, reliability):
        taken = [layer for layer in grid.layers if layer in ("pooled", *MEANS)]
        if taken:
            raise InputError(
                f"{grid.group[2]} or {grid.group[3]} has a layer named {taken[0]!r}, which names a scope of a "
                "correlation; rename the layer"
            )
        estimates = estimated(grid, Plan(intervals, permutations, (int(seed), *grid.group)))
        rows += _rows(grid, estimates, refits)
        for (i, j, scope), values in estimates.left.items():
            left[*grid.group, *grid.targets[j].name, *grid.indices[i].name, scope] = values
    return Correlations(pd.DataFrame(rows, columns=list(CORRELATIONS)).astype(dtypes(CORRELATIONS)), left)


def _rows(grid: Grid, estimates: Estimates, refits: Refits) -> Iterator[dict]:
    found, anew = estimates.found, {}
    inside = scopes(grid)
    inside |= dict.fromkeys(MEANS, inside["pooled"])
    used = {(j, scope): masks(grid, y, cells) for j, y in enumerate(grid.targets) for scope, cells in inside.items()}
    notes: dict[tuple[int, int, str], list[str]] = {}
    order = ["pooled", *MEANS, *grid.layers]
    for i, j, scope, statistic in sorted(found, key=lambda key: (key[1], key[0], order.index(key[2]))):
        x, y, estimate = grid.indices[i], grid.targets[j], found[i, j, scope, statistic]
        if not (y.status[inside[scope]] != "").any():
            continue
        if (j, scope) not in anew:
            counting = [layer for layer in grid.layers if estimates.trusts[j].counts(layer)]
            anew[j, scope] = refits.of(grid, y, counting if scope == "within" else [scope])
        if (i, j, scope) not in notes:
            notes[i, j, scope] = notes_on(x, y, used[j, scope][i], scope, inside[scope])
        coverage = (x.ok & y.ok & inside[scope]).sum() / max((y.ok & inside[scope]).sum(), 1)
        yield _row(grid, x, y, scope, statistic, coverage, estimate, notes[i, j, scope]) | {
            "refit_reliability": anew[j, scope]
        }


def _row(
    grid: Grid,
    x: Variable,
    y: Variable,
    scope: str,
    statistic: str,
    coverage: float,
    estimate: Estimate,
    notes: list[str],
) -> dict:
    return {
        **dict(zip(GROUP, grid.group, strict=True)),
        "stitcher": y.name[0],
        "stitcher_params": y.name[1],
        "target": y.name[2],
        "index": x.name[0],
        "index_params": x.name[1],
        "view": x.name[2],
        "scope": scope,
        "statistic": statistic,
        "value": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "wide_low": estimate.wide_low,
        "wide_high": estimate.wide_high,
        "p_value": estimate.p_value,
        "reliability": estimate.reliability,
        "ceiling": estimate.ceiling,
        "networks": estimate.networks,
        "pairs": estimate.pairs,
        "layers": estimate.layers,
        "design": estimate.design,
        "coverage": coverage,
        "note": "; ".join([*estimate.notes, *notes]),
    }
