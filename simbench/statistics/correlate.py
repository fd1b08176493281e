"""How well each index predicts each stitcher's results: a table of correlations over pairs of networks.

Values are oriented once, so that +1 always means "where the index is large, stitching works". Depth drives
both numbers, so a correlation over all layers can differ in sign from that within every one of them
(Simpson, "The interpretation of interaction in contingency tables", 1951): both are always reported.
All indices of a target are compared on the same cells, a cell being one pair of networks at one layer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy import ndarray

from simbench.columns import CORRELATIONS, GROUP, dtypes
from simbench.errors import InputError
from simbench.statistics.cells import MIN_PAIRS, Cells
from simbench.statistics.estimates import STATISTICS, Estimate, Plan, estimates
from simbench.statistics.grids import Grid, Variable, grids

#: An index that covers less of a target than this does not shrink the cells of the others.
MIN_COVERAGE = 0.5
#: Begins the note on a target that hardly varies: by less than MIN_SPREAD (standard deviation), or in at least
#: MOST of the cells of relative_accuracy above HIGH.
SATURATED = "target saturated"
MIN_SPREAD, HIGH, MOST = 0.02, 0.99, 0.9


def correlate(
    measurements: pd.DataFrame, methods: pd.DataFrame, resamples: int = 1000, permutations: int = 1000, seed: int = 0
) -> pd.DataFrame:
    """The table of correlations, columns as in `columns.CORRELATIONS`, from the rows of kind "index" and "stitcher".

    measurements: columns as in measurements.csv; only rows with status ok and a finite value enter. Where there
        are several for one cell, that on the most images does, of these that of the smallest seed.
    methods: kind, method, params, direction (of an index: +1 larger is more similar, -1 a distance).
    resamples: of the networks, for intervals. permutations: all relabellings of the networks where these are
        no more than that, else as many random ones. Either may be 0, which leaves its columns empty.
    seed: of both; what is drawn for one (dataset, experiment, model_a, model_b) does not depend on what else is there.

    Raises InputError for an index without a direction, for two values of one cell in the same setting and for a
    layer named like a scope.
    """
    rows = [
        row
        for grid in grids(measurements, methods)
        for row in _grid_rows(grid, Plan(resamples, permutations, (int(seed), *grid.group)))
    ]
    return pd.DataFrame(rows, columns=list(CORRELATIONS)).astype(dtypes(CORRELATIONS))


def _grid_rows(grid: Grid, plan: Plan) -> Iterator[dict]:
    if {"pooled", "within"} & set(grid.layers):
        raise InputError(
            f"{grid.group[2]} or {grid.group[3]} has a layer named 'pooled' or 'within', which name "
            "scopes of a correlation; rename the layer"
        )
    masks = {(x, y): mask for y in grid.targets for x, mask in zip(grid.indices, _masks(grid, y), strict=True)}
    found = _estimates(grid, masks, plan)
    for (x, y), mask in masks.items():
        for scope, inside in _scopes(grid, y).items():
            notes = _notes(x, y, mask, scope, inside)
            coverage = (x.ok & y.ok & inside).sum() / max((y.ok & inside).sum(), 1)
            for statistic in STATISTICS:
                yield _row(grid, x, y, scope, statistic, coverage, found[x, y, scope, statistic], notes)


def _masks(grid: Grid, y: Variable) -> list[ndarray]:
    """For each index the cells (pairs, layers) to correlate with y on: those common to all that cover enough of y."""
    own = [x.ok & y.ok for x in grid.indices]
    enough = [mask.sum() >= MIN_COVERAGE * y.ok.sum() for mask in own]
    common = np.logical_and.reduce([y.ok, *(mask for mask, member in zip(own, enough, strict=True) if member)])
    return [common if member else mask for mask, member in zip(own, enough, strict=True)]


def _estimates(
    grid: Grid, masks: dict[tuple[Variable, Variable], ndarray], plan: Plan
) -> dict[tuple[Variable, Variable, str, str], Estimate]:
    """(index, target, scope, statistic) -> Estimate; what shares its cells is computed together."""
    blocks: dict[bytes, list] = {}
    for pair, mask in masks.items():
        blocks.setdefault(mask.tobytes(), []).append(pair)
    found = {}
    for block in blocks.values():
        mask = masks[block[0]]
        indices, targets = (list(dict.fromkeys(side)) for side in zip(*block, strict=True))
        xs, ys = (np.array([v.values[mask] for v in side]) for side in (indices, targets))
        for (i, j, *key), estimate in estimates(xs, ys, _cells(grid, mask), grid.layers, plan).items():
            found[indices[i], targets[j], *key] = estimate
    return found


def _cells(grid: Grid, mask: ndarray) -> Cells:
    pair, layer = np.nonzero(mask)
    a, b = (np.array(seeds)[pair] for seeds in zip(*grid.pairs, strict=True))
    names_a, names_b = (np.union1d(a, b),) * 2 if grid.shared else (np.unique(a), np.unique(b))
    return Cells(np.searchsorted(names_a, a), np.searchsorted(names_b, b), layer, grid.shared)


def _scopes(grid: Grid, y: Variable) -> dict[str, ndarray]:
    """Scope -> its cells, a mask (pairs, layers); layers where y has rows."""
    everything = np.ones_like(y.ok)
    columns = np.eye(len(grid.layers), dtype=bool)
    layers = {layer: everything & columns[i] for i, layer in enumerate(grid.layers) if (y.status[:, i] != "").any()}
    return {"pooled": everything, "within": everything, **layers}


def _notes(x: Variable, y: Variable, mask: ndarray, scope: str, inside: ndarray) -> list[str]:
    """What was left out of x and y in a scope, and whether y is saturated there."""
    asked = inside & (y.status != "")
    own, used = (x.ok & y.ok & inside).sum(), (mask & inside).sum()
    notes = [_left_out("index", x.status[asked]), _left_out("target", y.status[asked])]
    if 0 < (x.ok & y.ok).sum() < MIN_COVERAGE * y.ok.sum():
        notes.append("index covers under half of the target: on its own cells, not on those common to the others")
    elif used < own:
        notes.append(f"on {used} of its {own} cells, those common to the indices")
    notes += [_mixed("index", x.images[mask & inside]), _mixed("target", y.images[mask & inside])]
    return [note for note in (*notes, _saturation(y, scope, inside)) if note]


def _mixed(side: str, images: ndarray) -> str:
    return f"{side}: measured on {images.min()} to {images.max()} images" if len(np.unique(images)) > 1 else ""


def _left_out(side: str, status: ndarray) -> str:
    counts = Counter(state or "not measured" for state in status if state != "ok")
    if not counts:
        return ""
    return f"{side}: " + ", ".join(f"{counts[state]} {state}" for state in sorted(counts)) + f" of {len(status)} cells"


def _saturation(y: Variable, scope: str, inside: ndarray) -> str:
    ok = y.ok & inside
    if ok.sum() < MIN_PAIRS:
        return ""
    high = (y.values[ok] > HIGH).mean()
    if y.name[2] == "relative_accuracy" and high >= MOST:
        return f"{SATURATED}: {high:.0%} of the cells above {HIGH}"
    values = np.where(ok, y.values, 0)
    count = ok.sum(axis=0, keepdims=True) if scope == "within" else ok.sum()
    mean = values.sum(axis=0 if scope == "within" else None) / np.maximum(count, 1)
    spread = float(np.sqrt(np.square(values - mean)[ok].mean()))
    where = " within layers" if scope == "within" else ""
    return f"{SATURATED}: standard deviation {spread:.4f}{where}" if spread < MIN_SPREAD else ""


def _row(
    grid: Grid, x: Variable, y: Variable, scope: str, statistic: str, coverage: float, found: Estimate, notes: list[str]
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
        "value": found.value,
        "low": found.low,
        "high": found.high,
        "p_value": found.p_value,
        "networks": found.networks,
        "pairs": found.pairs,
        "layers": found.layers,
        "coverage": coverage,
        "note": "; ".join([*found.notes, *notes]),
    }
