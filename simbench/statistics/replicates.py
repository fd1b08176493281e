"""The correlations of a block, and their replicates with networks left out or relabelled."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from simbench.statistics.blocks import Block
from simbench.statistics.cells import Cells, Replicates
from simbench.statistics.grids import Grid
from simbench.statistics.relabelling import exact, generator, relabelled, without_network, without_pair
from simbench.statistics.weighted import correlations

#: Statistics that have replicates, and whether they are correlations of ranks.
RANKED = {"spearman": True, "pearson": False}
#: Relabelling the networks is shown to hold its size where at least this share of the ordered pairs is there; on a
#: sparse design most partners are missing.
MIN_DENSITY = 0.9
#: Kinds of replicates: without each network, without each pair, and with the networks relabelled.
NETWORKS, PAIRS, RELABELLED = "without_network", "without_pair", "relabelled"


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
        found: dict[str, Iterable[Replicates]] = {}
        if at.n and self.intervals:
            found[NETWORKS], found[PAIRS] = [without_network(at)], [without_pair(at, pairs, count)]
        if at.n and self.permutations and at.density >= MIN_DENSITY:
            found[RELABELLED] = relabelled(at, self.permutations, generator(*self.key, RELABELLED))
        return found


@dataclass(frozen=True, eq=False)
class Correlated:
    """Correlations of k indices with t targets on the cells of one block.

    indices, targets: places in the grid -> place here. points: (k, t). drawn: name -> (k, t, R). of_end, drawn_of_end:
    the same, given the end network; None for Kendall's tau and for all layers together.
    """

    indices: dict[int, int]
    targets: dict[int, int]
    points: ndarray
    drawn: dict[str, ndarray]
    of_end: ndarray | None
    drawn_of_end: dict[str, ndarray]
    counts: dict[str, int]
    complete: bool

    def value(self, i: int, j: int) -> float:
        return float(self.points[self.indices[i], self.targets[j]])

    def replicates(self, i: int, j: int) -> dict[str, ndarray]:
        return {name: values[self.indices[i], self.targets[j]] for name, values in self.drawn.items()}

    def value_given_end(self, i: int, j: int) -> float:
        return np.nan if self.of_end is None else float(self.of_end[self.indices[i], self.targets[j]])

    def replicates_given_end(self, i: int, j: int) -> dict[str, ndarray]:
        return {name: values[self.indices[i], self.targets[j]] for name, values in self.drawn_of_end.items()}


def correlated(
    grid: Grid, block: Block, at: Cells, plan: Plan, statistic: str, correlation: Callable[[ndarray, ndarray], float]
) -> Correlated:
    """The correlations of a block by one statistic. correlation: of two arrays (n,), for the values themselves."""
    indices, targets = block.indices, block.targets
    xs, ys = (
        np.array([v.values[block.mask] for v in some])
        for some in ([grid.indices[i] for i in indices], [grid.targets[j] for j in targets])
    )
    points = np.array([[_defined(correlation, x, y) for y in ys] for x in xs])
    drawn, of_end, drawn_of_end = {}, None, {}
    kinds = plan.replicates(at, np.nonzero(block.mask)[0], len(grid.pairs))
    ranked = RANKED.get(statistic)
    if ranked is not None:
        drawn = {name: _all(xs, ys, at, some, ranked) for name, some in kinds.items()}
        if block.scope != "pooled" and at.n:
            once = Replicates(np.ones((at.n, 1)))
            of_end = correlations(xs, ys, at, once, ranked, at.b)[..., 0]
            drawn_of_end = {
                name: _all(xs, ys, at, some, ranked, at.b) for name, some in kinds.items() if name != RELABELLED
            }
    counts = {name: values.shape[-1] for name, values in drawn.items()}
    of_index, of_target = ({place: here for here, place in enumerate(some)} for some in (indices, targets))
    return Correlated(of_index, of_target, points, drawn, of_end, drawn_of_end, counts, plan.complete(at))


def _all(xs, ys, at: Cells, draws: Iterable[Replicates], ranked: bool, given: ndarray | None = None) -> ndarray:
    return np.concatenate([correlations(xs, ys, at, draw, ranked, given) for draw in draws], axis=-1)


def _defined(correlation: Callable[[ndarray, ndarray], float], x: ndarray, y: ndarray) -> float:
    """NaN for fewer than three values, or values that do not vary at all."""
    return correlation(x, y) if len(x) > 2 and np.ptp(x) > 0 and np.ptp(y) > 0 else np.nan
