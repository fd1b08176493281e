"""Correlations with interval, p-value and noise ceiling in every scope: each layer, all together, and within layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy import ndarray
from scipy import stats

from simbench.statistics.blocks import Block, blocks, cells, names
from simbench.statistics.cells import MIN_PAIRS, Cells
from simbench.statistics.grids import Grid
from simbench.statistics.jackknife import Left, interval
from simbench.statistics.means import Mean
from simbench.statistics.p_values import p_value
from simbench.statistics.replicates import NETWORKS, PAIRS, RANKED, RELABELLED, Correlated, Plan, correlated
from simbench.statistics.trust import WITHIN, WITHIN_END, Trust, constant, trust

STATISTICS: dict[str, Callable[[ndarray, ndarray], float]] = {
    "spearman": lambda x, y: stats.spearmanr(x, y).statistic,
    "pearson": lambda x, y: stats.pearsonr(x, y).statistic,
    "kendall": lambda x, y: stats.kendalltau(x, y, method="asymptotic").statistic,
}
#: Fewest networks for an interval.
MIN_NETWORKS = 6


@dataclass(frozen=True)
class Estimate:
    """A correlation, NaN where undefined. reliability: of the target in the scope; ceiling: the largest correlation
    that an index could reach. networks, pairs, layers: how many it rests on. notes: why something is empty or left
    out."""

    value: float
    low: float
    high: float
    p_value: float
    reliability: float
    ceiling: float
    networks: int
    pairs: int
    layers: int
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Estimates:
    """found: (index, target, scope, statistic), the first two by their place in the grid -> Estimate.
    left: (index, target, scope) -> Spearman's correlation, and what it is without each network and pair, for "pooled",
    "within" and "within_end". trusts: of every target."""

    found: dict[tuple[int, int, str, str], Estimate] = field(default_factory=dict)
    left: dict[tuple[int, int, str], Left] = field(default_factory=dict)
    trusts: list[Trust] = field(default_factory=list)


def estimated(grid: Grid, plan: Plan) -> Estimates:
    """Every estimate of a grid.

    Scope "within" is the mean over the layers that count for the target (see `trust`), the same for all indices: an
    index that is constant or undefined in one of them orders nothing there and counts 0. Scope "within_end" is the mean
    over these layers of the partial correlation given the end network. Kendall's tau has neither interval nor
    "within_end"; it takes time quadratic in the cells.
    """
    estimates = Estimates(trusts=[trust(grid, y) for y in grid.targets])
    parts = [(block, cells(grid, block.mask)) for block in blocks(grid)]
    for statistic, correlation in STATISTICS.items():
        shape = len(grid.indices), len(grid.targets)
        means = {scope: Mean.empty(*shape) for scope in (WITHIN, WITHIN_END)}
        for block, at in parts:
            some = correlated(grid, block, at, plan, statistic, correlation)
            for i, j in block.pairs.tolist():
                _add(estimates, grid, block, at, some, means, (i, j), statistic)
        scopes = (WITHIN, WITHIN_END) if statistic in RANKED else (WITHIN,)
        for i, j in np.ndindex(shape):
            for scope in scopes:
                _close(estimates, grid, means[scope], (i, j), scope, statistic, plan)
    return estimates


def _add(estimates, grid, block: Block, at: Cells, some: Correlated, means: dict[str, Mean], place, statistic) -> None:
    """The estimate of one index and target in the scope of a block, which enters the means over layers."""
    i, j = place
    x, y, target = grid.indices[i], grid.targets[j], estimates.trusts[j]
    blame = _undefined(x.values[block.mask], y.values[block.mask], at)
    value, replicates = (np.nan, {}) if blame else (some.value(i, j), some.replicates(i, j))
    notes = [f"undefined: {blame}"] if blame else []
    left = _left(grid, value, replicates)
    estimates.found[i, j, block.scope, statistic] = _estimate(
        value, at, left, replicates.get(RELABELLED), some.complete, target, block.scope, notes
    )
    if block.scope == "pooled":
        if statistic == "spearman" and left is not None:
            estimates.left[i, j, "pooled"] = left
        return
    if not target.counts(block.scope):
        return
    layer = grid.layers.index(block.scope)
    if not (x.status[:, layer] != "").any():
        means[WITHIN].missing[i, j] = means[WITHIN_END].missing[i, j] = True
    zeros = {name: np.zeros(count) for name, count in some.counts.items()}
    ends = (0.0, {k: v for k, v in zeros.items() if k != RELABELLED})
    if not blame and np.isfinite(some.value_given_end(i, j)):
        ends = some.value_given_end(i, j), some.replicates_given_end(i, j)
    for mean, entry in ((means[WITHIN], (0.0, zeros) if blame else (value, replicates)), (means[WITHIN_END], ends)):
        mean.add(i, j, *entry)
        mean.ordered[i, j] += not blame


def _close(estimates: Estimates, grid: Grid, mean: Mean, place, scope: str, statistic: str, plan: Plan) -> None:
    """The estimate of one index and target over layers."""
    i, j = place
    x, y, target = grid.indices[i], grid.targets[j], estimates.trusts[j]
    counting = np.array([target.counts(layer) for layer in grid.layers])
    at = cells(grid, x.ok & y.ok & counting)
    value, replicates = mean.value(i, j), mean.replicates(i, j)
    notes = list(_left_out(target, grid, x, y))
    if mean.ordered[i, j] == 0:
        value = np.nan
    if np.isnan(value):
        replicates = {}
        notes.append("index not measured in every layer" if mean.missing[i, j] else "undefined in every layer")
    left = _left(grid, value, replicates)
    estimates.found[i, j, scope, statistic] = _estimate(
        value, at, left, replicates.get(RELABELLED), plan.complete(at), target, scope, notes
    )
    if statistic == "spearman" and left is not None:
        estimates.left[i, j, scope] = left


def _left(grid: Grid, value: float, replicates: dict[str, ndarray]) -> Left | None:
    """None without a value or replicates."""
    if NETWORKS not in replicates or np.isnan(value):
        return None
    sides = tuple(len(side) for side in names(grid))
    return Left(np.array(value), replicates[NETWORKS], replicates[PAIRS], sides[:1] if grid.shared else sides)


def _left_out(target: Trust, grid: Grid, x, y) -> Iterator[str]:
    if target.unusable:
        used = len(grid.layers) - len(target.unusable)
        why = ", ".join(f"{layer} ({reason})" for layer, reason in target.unusable.items())
        yield f"mean of {used} of {len(grid.layers)} layers, without {why}"
    zero = [
        layer
        for at, layer in enumerate(grid.layers)
        if target.counts(layer) and _orders_nothing(x.values[x.ok[:, at] & y.ok[:, at], at])
    ]
    if zero:
        yield f"counts 0 at {', '.join(zero)}, where the index is constant or undefined"


def _orders_nothing(values: ndarray) -> bool:
    return len(values) < MIN_PAIRS or constant(values)


def _undefined(x: ndarray, y: ndarray, at: Cells) -> str:
    """Why x and y have no correlation, or ""."""
    if not at.n:
        return "no cells"
    if at.pairs < MIN_PAIRS:
        return f"{at.pairs} pairs of networks, {MIN_PAIRS} are needed"
    fixed = [name for name, values in (("index", x), ("target", y)) if constant(values)]
    return f"{' and '.join(fixed)} constant" if fixed else ""


def _estimate(
    value: float,
    at: Cells,
    left: Left | None,
    relabelled: ndarray | None,
    complete: bool,
    target: Trust,
    scope: str,
    notes,
) -> Estimate:
    """complete: the relabelled replicates are all there are."""
    low, high, p = np.nan, np.nan, np.nan
    if left is not None and at.networks < MIN_NETWORKS:
        notes.append(f"no interval: {at.networks} networks, {MIN_NETWORKS} are needed")
    elif left is not None:
        low, high = interval(left)
        notes += [] if np.isfinite(low) else ["no interval: undefined without some network"]
    if relabelled is not None and np.isfinite(value):
        p = p_value(value, relabelled, complete)
    trusted = target.reliability[scope], target.ceiling[scope]
    return Estimate(float(value), low, high, p, *trusted, at.networks, at.pairs, at.layers, tuple(notes))
