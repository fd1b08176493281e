"""The correlations of a block, and their replicates with networks left out or relabelled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from simbench.statistics.blocks import Block
from simbench.statistics.cells import MIN_PAIRS, Cells, Replicates
from simbench.statistics.conditions import PLAIN, conditions
from simbench.statistics.grids import Grid
from simbench.statistics.pairwise import kendall, soft_pairwise_accuracy
from simbench.statistics.relabelling import exact, generator, relabelled, without_network, without_pair
from simbench.statistics.weighted import correlations, unweighted

#: (k, t) statistics of k indices (k, n), t targets (t, n) and each target on halves of the test inputs (n, S, 2).
Statistic = Callable[[ndarray, ndarray, Sequence[ndarray]], ndarray]
#: Statistics that have replicates, and whether they are correlations of ranks.
RANKED = {"spearman": True, "pearson": False}
#: Statistics that have none.
OTHERS: dict[str, Statistic] = {"kendall": kendall, "soft_pairwise_accuracy": soft_pairwise_accuracy}
#: Relabelling the networks is shown to hold its size where at least this share of the ordered pairs is there; on a
#: sparse design most partners are missing.
MIN_DENSITY = 0.9
#: Kinds of replicates: without each network, without each pair, with the networks relabelled, and with the target on
#: halves of the test inputs.
NETWORKS, PAIRS, RELABELLED, HALVES = "without_network", "without_pair", "relabelled", "halves"


@dataclass(frozen=True)
class Plan:
    """What is computed beside the values. intervals: whether. permutations: for p-values, 0 for none. key: all that the
    relabellings depend on."""

    intervals: bool
    permutations: int
    key: tuple

    def complete(self, at: Cells) -> bool:
        """Whether the relabelled replicates are all there are."""
        return bool(at.n) and exact(at, self.permutations)

    def replicates(self, at: Cells, pairs: ndarray, count: int) -> dict[str, Iterable[Replicates]]:
        """NETWORKS, PAIRS and RELABELLED replicates of cells, as far as any are wanted. pairs: (n,) the pair of each
        cell, of `count`."""
        drawn: dict[str, Iterable[Replicates]] = {}
        if at.n and self.intervals:
            drawn[NETWORKS], drawn[PAIRS] = [without_network(at)], [without_pair(at, pairs, count)]
        if at.n and self.permutations and at.density >= MIN_DENSITY:
            drawn[RELABELLED] = relabelled(at, self.permutations, generator(*self.key, RELABELLED))
        return drawn


@dataclass(frozen=True, eq=False)
class Correlated:
    """Correlations of k indices with t targets on the cells of one block.

    indices, targets: places in the grid -> place here. points: condition -> (k, t); for PLAIN the correlations
    themselves, for others the partial ones (`conditions`). drawn: condition -> kind of replicate -> (k, t, R).
    """

    indices: dict[int, int]
    targets: dict[int, int]
    points: dict[str, ndarray]
    drawn: dict[str, dict[str, ndarray]]

    def value(self, i: int, j: int, condition: str = PLAIN) -> float:
        """NaN where undefined or not computed."""
        known = self.points.get(condition)
        return np.nan if known is None else float(known[self.indices[i], self.targets[j]])

    def replicates(self, i: int, j: int, condition: str = PLAIN) -> dict[str, ndarray]:
        drawn = self.drawn.get(condition, {})
        return {name: values[self.indices[i], self.targets[j]] for name, values in drawn.items()}


def correlated(grid: Grid, block: Block, at: Cells, plan: Plan, statistic: str) -> Correlated:
    """The correlations of a block by one statistic."""
    indices, targets = block.indices, block.targets
    xs, ys = (
        np.array([v.values[block.mask] for v in some])
        for some in ([grid.indices[i] for i in indices], [grid.targets[j] for j in targets])
    )
    halves = [grid.targets[j].halves[block.mask] for j in targets]
    drawn: dict[str, dict[str, ndarray]] = {}
    ranked = RANKED.get(statistic)
    points = {PLAIN: np.full((len(xs), len(ys)), np.nan)}
    if at.n >= MIN_PAIRS:
        points[PLAIN] = OTHERS[statistic](xs, ys, halves) if ranked is None else unweighted(xs, ys, ranked)
        points[PLAIN][~np.logical_and.outer(np.ptp(xs, axis=1) > 0, np.ptp(ys, axis=1) > 0)] = np.nan
    if ranked is not None and at.n:
        pairs, alone = np.nonzero(block.mask)[0], {PLAIN: None}
        for condition, given in (alone if block.scope == "pooled" else conditions(grid, pairs, at, ranked)).items():
            kinds = plan.replicates(at, pairs, len(grid.pairs))
            if condition != PLAIN:
                points[condition] = unweighted(xs, ys, ranked, given)
                kinds.pop(RELABELLED, None)
            drawn[condition] = {
                name: np.concatenate([correlations(xs, ys, at, draw, ranked, given) for draw in some], axis=-1)
                for name, some in kinds.items()
            }
            if plan.intervals:
                width = max(each.shape[1] for each in halves)
                parts = [_on_halves(xs, each, ranked, given, width) for each in halves]
                drawn[condition][HALVES] = np.stack(parts, axis=1)
    place_i, place_j = ({place: here for here, place in enumerate(some)} for some in (indices, targets))
    return Correlated(place_i, place_j, points, drawn)


def _on_halves(xs: ndarray, halves: ndarray, ranked: bool, given: ndarray | None, width: int) -> ndarray:
    """(k, 2 width) correlations with a target on halves (n, width, 2) of the test inputs; NaN where they are unknown,
    or infinite as the logarithm of 0 is."""
    if not width or halves.shape[1] != width or not np.isfinite(halves).all():
        return np.full((len(xs), 2 * width), np.nan)
    return unweighted(xs, halves.reshape(len(halves), -1).T, ranked, given)
