"""Correlations with interval, p-value and noise ceiling in every scope: each layer, all together, and within layers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy import ndarray

from simbench.statistics.blocks import Block, blocks, cells, names
from simbench.statistics.cells import MIN_PAIRS, Cells
from simbench.statistics.conditions import MEANS, PLAIN
from simbench.statistics.grids import Grid, Variable
from simbench.statistics.jackknife import Left
from simbench.statistics.means import Mean
from simbench.statistics.remaining import remaining
from simbench.statistics.replicates import (
    HALVES,
    NETWORKS,
    OTHERS,
    PAIRS,
    RANKED,
    RELABELLED,
    Correlated,
    Plan,
    correlated,
)
from simbench.statistics.summaries import Estimate, Support, summary
from simbench.statistics.trust import Trust, constant, trust

#: What a statistic is for an index that orders nothing, where that is not 0.
ORDERS_NOTHING = {"soft_pairwise_accuracy": 0.5}


@dataclass(frozen=True, eq=False)
class Estimates:
    """found: (index, target, scope, statistic), the first two by their place in the grid -> Estimate.
    left: (index, target, scope) -> Spearman's correlation, and what it is without each network and pair, for "pooled"
    and the scopes that are means over layers. trusts: of every target; remaining: of every target and layer."""

    found: dict[tuple[int, int, str, str], Estimate] = field(default_factory=dict)
    left: dict[tuple[int, int, str], Left] = field(default_factory=dict)
    trusts: list[Trust] = field(default_factory=list)
    remaining: list[dict[str, dict[str, ndarray]]] = field(default_factory=list)


def estimated(grid: Grid, plan: Plan) -> Estimates:
    """Every estimate of a grid.

    Scope "within" is the mean over the layers that count for the target (see `trust`), the same for all indices: an
    index that is constant or undefined in one of them orders nothing there and counts 0. Scopes "within_end" and
    "within_accuracy" are means over these layers of partial correlations (see `conditions`). Kendall's tau and the
    soft pairwise accuracy have neither interval nor partial correlation; they take time quadratic in the cells.
    """
    trusts = [trust(grid, y) for y in grid.targets]
    left = [{layer: remaining(grid, y, layer) for layer in grid.layers} for y in grid.targets] if plan.intervals else []
    estimates = Estimates(trusts=trusts, remaining=left)
    parts = [(block, cells(grid, block.mask)) for block in blocks(grid)]
    for statistic in (*RANKED, *OTHERS):
        work = _Statistic(estimates, grid, plan, statistic)
        for block, at in parts:
            some = correlated(grid, block, at, plan, statistic)
            for i, j in block.pairs.tolist():
                work.add(block, at, some, i, j)
        work.close()
    return estimates


class _Statistic:
    """The estimates of one statistic, block by block."""

    def __init__(self, estimates: Estimates, grid: Grid, plan: Plan, statistic: str) -> None:
        self.estimates, self.grid, self.plan, self.statistic = estimates, grid, plan, statistic
        shape = len(grid.indices), len(grid.targets)
        self.means = {scope: Mean.of(*shape) for scope in MEANS if statistic in RANKED or scope == "within"}

    def add(self, block: Block, at: Cells, some: Correlated, i: int, j: int) -> None:
        """The estimate of one index and target in the scope of a block, which enters the means over layers."""
        x, y, target = self.grid.indices[i], self.grid.targets[j], self.estimates.trusts[j]
        blame = _undefined(x.values[block.mask], y.values[block.mask], at)
        value, plain = (np.nan, {}) if blame else (some.value(i, j), some.replicates(i, j))
        self._put(i, j, block.scope, value, plain, at, [f"undefined: {blame}"] if blame else [])
        if block.scope == "pooled" or not target.counts(block.scope):
            return
        measured = (x.status[:, self.grid.layers.index(block.scope)] != "").any()
        for scope, mean in self.means.items():
            condition = MEANS[scope]
            mean.missing[i, j] |= not measured or (condition != PLAIN and condition not in some.points)
            value = np.nan if blame else some.value(i, j, condition)
            mean.add(i, j, value, ORDERS_NOTHING.get(self.statistic, 0.0), not blame)
            self._replicate(mean, i, j, block.scope, {} if blame else some.replicates(i, j, condition), plain)

    def _replicate(self, mean: Mean, i: int, j: int, layer: str, values: dict, plain: dict) -> None:
        """A layer in the replicates of a mean, so that each is the mean of the table that it stands for.

        values: kind -> (R,), without any where the index orders nothing in the layer; plain: those within the layer.
        """
        counting = self.estimates.remaining[j][layer] if self.plan.intervals and self.statistic in RANKED else {}
        for name, counts in counting.items():
            drawn = values.get(name, np.full(len(counts), np.nan))
            mean.replicate(i, j, name, drawn, np.isfinite(plain.get(name, drawn)), counts)
        for name in values.keys() - counting.keys():
            mean.replicate(i, j, name, values[name], np.isfinite(values[name]))

    def close(self) -> None:
        """The estimates over layers."""
        for scope, mean in self.means.items():
            for i, j in np.ndindex(mean.point.shape):
                x, y, target = self.grid.indices[i], self.grid.targets[j], self.estimates.trusts[j]
                counting = np.array([target.counts(layer) for layer in self.grid.layers])
                at = cells(self.grid, x.ok & y.ok & (counting if counting.any() else True))
                value, notes = mean.value(i, j), list(_left_out(target, self.grid, x, y))
                if np.isnan(value):
                    missing = "not measured in every layer" if scope == "within" else "not known in every layer"
                    notes.append(missing if mean.missing[i, j] else "undefined in every layer")
                self._put(i, j, scope, value, mean.replicates(i, j), at, notes)

    def _put(self, i: int, j: int, scope: str, value: float, replicates: dict, at: Cells, notes: list[str]) -> None:
        left, target = self._left(value, replicates), self.estimates.trusts[j]
        support = Support(at, target.reliability[scope], target.ceiling[scope], self.plan.complete(at))
        relabelled = None if np.isnan(value) else replicates.get(RELABELLED)
        self.estimates.found[i, j, scope, self.statistic] = summary(value, left, relabelled, support, notes)
        if self.statistic == "spearman" and left is not None and scope in ("pooled", *MEANS):
            self.estimates.left[i, j, scope] = left

    def _left(self, value: float, replicates: dict[str, ndarray]) -> Left | None:
        """None without a value or replicates."""
        if NETWORKS not in replicates or np.isnan(value):
            return None
        sides = tuple(len(side) for side in names(self.grid))
        halves = replicates.get(HALVES, np.empty(0))
        return Left(
            np.array(value),
            replicates[NETWORKS],
            replicates[PAIRS],
            sides[:1] if self.grid.shared else sides,
            halves.reshape(-1, 2),
        )


def _left_out(target: Trust, grid: Grid, x: Variable, y: Variable) -> Iterator[str]:
    """Layers that do not count, and those where the index counts 0."""
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
