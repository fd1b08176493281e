"""Correlations with interval and p-value in every scope: pooled over layers, each layer, within layers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy import ndarray
from scipy import stats

from simbench.statistics.cells import Cells, Replicates
from simbench.statistics.intervals import interval, p_value
from simbench.statistics.resampling import exact, generator, relabelled, resampled
from simbench.statistics.support import Support, supports_of
from simbench.statistics.weighted import correlations

STATISTICS: dict[str, Callable[[ndarray, ndarray], float]] = {
    "spearman": lambda x, y: stats.spearmanr(x, y).statistic,
    "pearson": lambda x, y: stats.pearsonr(x, y).statistic,
    "kendall": lambda x, y: stats.kendalltau(x, y, method="asymptotic").statistic,
}
#: Kendall's tau is not drawn: it takes time quadratic in the cells for every replicate.
DRAWN = ("spearman", "pearson")
#: Fewest networks for an interval: at 4 a third of the resamples is undefined.
MIN_NETWORKS = 6
#: Share of undefined resamples above which a note says so.
_MANY = 0.05


@dataclass(frozen=True)
class Plan:
    """How much to draw. resamples: for intervals. permutations: for p-values. key: all that the draws depend on."""

    resamples: int
    permutations: int
    key: tuple


@dataclass(frozen=True)
class Estimate:
    """A correlation, NaN where undefined. networks, pairs, layers: how many it rests on. notes: why what is empty."""

    value: float
    low: float
    high: float
    p_value: float
    networks: int
    pairs: int
    layers: int
    notes: tuple[str, ...]


def estimates(
    xs: ndarray, ys: ndarray, cells: Cells, layers: list[str], plan: Plan
) -> dict[tuple[int, int, str, str], Estimate]:
    """(i, j, scope, statistic) -> Estimate of xs[i] with ys[j]; xs (k, n), ys (t, n).

    layers: the name of each layer code; a layer without cells has its estimates too, undefined. Scope "within"
    is the mean over the layers where the correlation is defined.
    """
    rows = {"pooled": np.arange(cells.n)}
    rows |= {layer: np.flatnonzero(cells.layer == code) for code, layer in enumerate(layers)}
    supports = supports_of(xs, ys, cells, rows)
    complete = bool(cells.n) and exact(cells, plan.permutations)
    found = {}
    for statistic, correlation in STATISTICS.items():
        points = np.array(
            [
                [
                    [np.nan if supports[i, j, scope].undefined else correlation(x[at], y[at]) for j, y in enumerate(ys)]
                    for i, x in enumerate(xs)
                ]
                for scope, at in rows.items()
            ]
        )
        drawn = {
            kind: _replicate(xs, ys, cells, list(rows.values()), points, draws, statistic == "spearman")
            for kind, draws in (_draws(cells, plan) if statistic in DRAWN else {}).items()
        }
        values = _and_within(points)
        for s, scope in enumerate((*rows, "within")):
            for i, j in np.ndindex(values.shape[1:]):
                replicates = {kind: array[s, i, j] for kind, array in drawn.items()}
                found[i, j, scope, statistic] = _estimate(values[s, i, j], supports[i, j, scope], replicates, complete)
    return found


def _draws(cells: Cells, plan: Plan) -> dict[str, Iterable[Replicates]]:
    """ "resampled" and "relabelled" replicates of the cells, as far as the plan has any."""
    draws = {}
    if cells.n and plan.resamples:
        draws["resampled"] = resampled(cells, plan.resamples, generator(*plan.key, "resampled"))
    if cells.n and plan.permutations:
        draws["relabelled"] = relabelled(cells, plan.permutations, generator(*plan.key, "relabelled"))
    return draws


def _replicate(
    xs: ndarray,
    ys: ndarray,
    cells: Cells,
    rows: list[ndarray],
    points: ndarray,
    draws: Iterable[Replicates],
    ranked: bool,
) -> ndarray:
    """(scopes + within, k, t, R) the correlations `points` (scopes, k, t) in every replicate."""
    undefined = ~np.isfinite(points)[..., None]
    parts = []
    for draw in draws:
        values = [
            correlations(xs[:, at], ys[:, at], cells.at(at), draw.at(at), ranked)
            if len(at)
            else np.full((len(xs), len(ys), draw.weights.shape[1]), np.nan)
            for at in rows
        ]
        parts.append(np.where(undefined, np.nan, values))
    return _and_within(np.concatenate(parts, axis=-1))


def _and_within(values: ndarray) -> ndarray:
    """(pooled, layers ...) with one more along the first axis: the mean over the layers where defined."""
    defined = np.isfinite(values[1:])
    count = defined.sum(axis=0)
    mean = np.where(defined, values[1:], 0).sum(axis=0) / np.maximum(count, 1)
    return np.concatenate([values, np.where(count > 0, mean, np.nan)[None]])


def _estimate(value: float, support: Support, replicates: dict[str, ndarray], complete: bool) -> Estimate:
    """complete: the relabelled replicates are all there are."""
    cells, low, high, p, notes = support.cells, np.nan, np.nan, np.nan, list(support.notes)
    if support.undefined:
        notes.append(support.undefined)
        replicates = {}
    if "resampled" in replicates and cells.networks < MIN_NETWORKS:
        notes.append(f"no interval: {cells.networks} networks, {MIN_NETWORKS} are needed")
    elif "resampled" in replicates:
        low, high = interval(replicates["resampled"])
        lost = np.isnan(replicates["resampled"]).mean()
        notes += [f"{lost:.0%} of the resamples undefined"] if lost > _MANY else []
    if "relabelled" in replicates:
        p = p_value(value, replicates["relabelled"], complete)
    return Estimate(float(value), low, high, p, cells.networks, cells.pairs, cells.layers, tuple(notes))
