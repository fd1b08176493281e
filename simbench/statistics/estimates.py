"""Correlations with interval and p-value in every scope: pooled over layers, each layer, within layers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy import ndarray
from scipy import stats

from simbench.statistics.resampling import (
    MIN_PAIRS,
    Cells,
    Replicates,
    correlations,
    exact,
    generator,
    relabelled,
    resampled,
)

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
#: Correlations closer than this are tied: they differ by rounding.
_TIE = 1e-10
#: Values whose range is this small beside their size differ by rounding.
_ROUNDING = 1e-12


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


@dataclass(frozen=True, eq=False)
class Support:
    """What the correlation of one x with one y in one scope rests on. undefined: why there is none, or ""."""

    cells: Cells
    undefined: str
    notes: tuple[str, ...] = ()


def estimates(
    xs: ndarray, ys: ndarray, cells: Cells, layers: list[str], plan: Plan
) -> dict[tuple[int, int, str, str], Estimate]:
    """(i, j, scope, statistic) -> Estimate of xs[i] with ys[j]; xs (k, n), ys (t, n).

    layers: the name of each layer code; a layer without cells has its estimates too, undefined. Scope "within"
    is the mean over the layers where the correlation is defined.
    """
    rows = {"pooled": np.arange(cells.n)}
    rows |= {layer: np.flatnonzero(cells.layer == code) for code, layer in enumerate(layers)}
    supports = _supports(xs, ys, cells, rows)
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


def _supports(xs: ndarray, ys: ndarray, cells: Cells, rows: dict[str, ndarray]) -> dict[tuple[int, int, str], Support]:
    """For every i, j and scope."""
    parts = {scope: cells.at(at) for scope, at in rows.items()}
    supports = {}
    for i, j in np.ndindex(len(xs), len(ys)):
        for scope, at in rows.items():
            supports[i, j, scope] = Support(parts[scope], _undefined(xs[i, at], ys[j, at], parts[scope]))
        layers = [scope for scope in rows if scope != "pooled"]
        defined = [layer for layer in layers if not supports[i, j, layer].undefined]
        at = np.sort(np.concatenate([rows[layer] for layer in defined or layers]))
        supports[i, j, "within"] = Support(
            cells.at(at) if len(at) < cells.n else cells,
            "" if defined else "undefined in every layer",
            (f"mean of {len(defined)} of {len(layers)} layers",) if 0 < len(defined) < len(layers) else (),
        )
    return supports


def _undefined(x: ndarray, y: ndarray, cells: Cells) -> str:
    """Why x and y have no correlation, or ""."""
    if not cells.n:
        return "undefined: no cells"
    if cells.pairs < MIN_PAIRS:
        return f"undefined: {cells.pairs} pairs of networks, {MIN_PAIRS} are needed"
    constant = [name for name, v in (("index", x), ("target", y)) if np.ptp(v) <= _ROUNDING * np.abs(v).max()]
    return f"undefined: {' and '.join(constant)} constant" if constant else ""


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


def interval(replicates: ndarray, level: float = 0.95) -> tuple[float, float]:
    """Percentile interval of those of the R replicates that are defined."""
    defined = replicates[np.isfinite(replicates)]
    if not len(defined):
        return np.nan, np.nan
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def p_value(value: float, replicates: ndarray, exact: bool) -> float:
    """Two-sided: twice the smaller of the shares of relabellings at least as low, and at least as high.

    The distribution need not be centred at 0: pooled over layers it carries the effect of depth. exact: the
    R replicates are all relabellings, the identity among them; else it is added to the random ones.
    """
    defined = replicates[np.isfinite(replicates)]
    if not len(defined):
        return np.nan
    lower, upper = (defined <= value + _TIE).sum(), (defined >= value - _TIE).sum()
    tail = min(lower, upper) / len(defined) if exact else (min(lower, upper) + 1) / (len(defined) + 1)
    return float(min(1.0, 2 * tail))
