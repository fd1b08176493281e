"""Standard errors by leaving out networks and pairs, against recomputing with scipy on the tables that are left."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from small_grids import all_pairs, circulant, grid
from small_tables import index, methods, noise, target

from simbench.statistics.comparisons import differences
from simbench.statistics.correlate import correlate
from simbench.statistics.estimates import estimated
from simbench.statistics.jackknife import Left, difference, interval
from simbench.statistics.replicates import Plan

PLAN = Plan(True, 0, ())

#: No scores on halves of the test inputs.
UNKNOWN = np.empty((0, 2))


def spread(values: list[float]) -> float:
    """The jackknife's variance, written out."""
    n = len(values)
    return (n - 1) / n * sum((value - sum(values) / n) ** 2 for value in values)


def recomputed(pairs, x, y, keep) -> float:
    """Mean over layers of scipy's correlation on the pairs that are kept."""
    kept = [at for at, pair in enumerate(pairs) if keep(pair)]
    return np.mean([stats.spearmanr(x[kept, layer], y[kept, layer]).statistic for layer in range(x.shape[1])])


@pytest.mark.parametrize("pairs", [all_pairs(6), circulant(7, (1, 3, 4))], ids=["all pairs", "circulant"])
def test_values_without_each_network_and_pair_are_those_of_the_tables_without_them(pairs):
    x, y = np.random.default_rng(0).random((2, len(pairs), 2))
    left = estimated(grid(pairs, [x], [y]), PLAN).left[0, 0, "within"]
    networks = [recomputed(pairs, x, y, lambda pair, i=i: i not in pair) for i in range(max(pairs)[0] + 1)]
    without = [recomputed(pairs, x, y, lambda pair, p=p: pair != p) for p in pairs]
    assert left.value == pytest.approx(recomputed(pairs, x, y, lambda _: True))
    assert left.networks == pytest.approx(networks) and left.pairs == pytest.approx(without)
    assert left.sides == (len(networks),)
    wanted = max(spread(networks) - spread(without), spread(networks) / 2)
    assert left.variance == pytest.approx(wanted)


def test_two_models_leave_out_fronts_and_ends_apart():
    x, y = noise(0, 8, 1)[:, :6], noise(1, 8, 1)[:, :6]
    measured = [index("cka", x, model_b="n"), target(y, model_b="n")]
    found = correlate(pd.concat(measured, ignore_index=True), methods(cka=1), None, 0)
    left = next(left for key, left in found.left.items() if key[-1] == "within")
    fronts = [stats.spearmanr(*(np.delete(v, i, 0).ravel() for v in (x, y))).statistic for i in range(8)]
    ends = [stats.spearmanr(*(np.delete(v, i, 1).ravel() for v in (x, y))).statistic for i in range(6)]
    pairs = [stats.spearmanr(*(np.delete(v.ravel(), i) for v in (x, y))).statistic for i in range(48)]
    assert left.sides == (8, 6) and left.freedom == 5
    assert left.networks == pytest.approx(np.array(fronts + ends))
    whole = spread(fronts) + spread(ends)
    assert left.variance == pytest.approx(max(whole - spread(pairs), whole / 2))


def test_half_of_the_variance_over_networks_is_the_least():
    left = Left(np.array(0.5), np.array([0.4, 0.6]), np.array([0.0, 1.0]), (2,), UNKNOWN)
    assert left.variance == pytest.approx(0.01 / 2)  # 1/2 * 2 * 0.1^2, and the pairs would take away more
    assert Left(left.value, left.networks, np.array([0.5, 0.5]), (2,), UNKNOWN).variance == pytest.approx(0.01)


def left(value: float, networks: list[float], pairs: list[float]) -> Left:
    return Left(np.array(value), np.array(networks), np.array(pairs), (len(networks),), UNKNOWN)


def test_an_interval_by_hand():
    one = left(0.5, [0.4, 0.5, 0.6, 0.55], [0.5, 0.52, 0.48])
    z, networks, pairs = np.arctanh(0.5), np.arctanh(one.networks), np.arctanh(one.pairs)
    error = np.sqrt(spread(networks) - spread(pairs))
    reach = 3.182446305284263 * error  # Student's t of 3 degrees of freedom at 0.975
    assert interval(one) == pytest.approx((np.tanh(z - reach), np.tanh(z + reach)))


def test_a_difference_by_hand():
    a, b = left(0.5, [0.4, 0.5, 0.6], [0.5, 0.5]), left(0.2, [0.2, 0.1, 0.4], [0.2, 0.2])
    low, high, p = difference(a - b)
    error = np.sqrt(spread([0.2, 0.4, 0.2]))
    assert (low, high) == pytest.approx((0.3 - 4.302652729911275 * error, 0.3 + 4.302652729911275 * error))
    t = 0.3 / error
    assert p == pytest.approx(1 - t / np.sqrt(2 + t**2))  # Student's t of 2 degrees of freedom, in closed form
    assert difference(b - a)[2] == pytest.approx(p)


def test_an_index_does_not_differ_from_itself():
    a = left(0.5, [0.4, 0.5, 0.6], [0.5, 0.5])
    assert difference(a - a) == (0, 0, 1)


def test_the_mean_of_correlations_has_the_error_of_the_mean_and_not_the_mean_error():
    one = left(0.5, [0.4, 0.5, 0.6], [0.5] * 3)
    other = left(0.5, [0.6, 0.5, 0.4], [0.5] * 3)
    assert Left.mean([one, other]).variance == pytest.approx(0, abs=1e-15)
    assert Left.mean([one, one]).variance == pytest.approx(one.variance)


def test_differences_leave_out_an_index_without_a_value():
    a, b = left(0.5, [0.4, 0.5, 0.6], [0.5] * 3), left(0.1, [0.1, 0.3, 0.2], [0.1] * 3)
    assert [(gap.a, gap.b) for gap in differences([a, None, b])] == [(0, 2)]
    assert [(gap.a, gap.b) for gap in differences([a, b, a])] == list(itertools.combinations(range(3), 2))
