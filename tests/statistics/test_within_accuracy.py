"""Partial correlations given the accuracies of both networks, and the variance over test inputs."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from small_grids import all_pairs, grid

from simbench.statistics.estimates import estimated
from simbench.statistics.jackknife import Left, interval
from simbench.statistics.replicates import Plan


def test_it_is_that_of_what_the_ranks_of_the_accuracies_leave():
    pairs, rng = all_pairs(6), np.random.default_rng(0)
    accuracy = rng.random(6)
    known = accuracy[np.array(pairs)]
    y = 2 * known[:, 0] - known[:, 1] + 0.3 * rng.standard_normal(30)
    x = known.sum(axis=1) + 0.3 * rng.standard_normal(30) + 0.2 * y
    design = np.column_stack([np.ones(30), stats.rankdata(known, axis=0)])
    rest = [v - design @ np.linalg.lstsq(design, v, rcond=None)[0] for v in map(stats.rankdata, (x, y))]
    given = replace(grid(pairs, [x], [y]), accuracies=known)
    found = estimated(given, Plan(False, 0, ())).found
    assert found[0, 0, "within_accuracy", "spearman"].value == pytest.approx(stats.pearsonr(*rest).statistic, rel=1e-9)
    assert abs(found[0, 0, "within", "spearman"].value - found[0, 0, "within_accuracy", "spearman"].value) > 0.05


def test_it_is_not_known_without_the_accuracies():
    x, y = np.random.default_rng(0).random((2, 30))
    row = estimated(grid(all_pairs(6), [x], [y]), Plan(True, 0, ())).found[0, 0, "within_accuracy", "spearman"]
    assert np.isnan([row.value, row.low, row.high]).all() and "not known in every layer" in row.notes


def test_the_variance_over_inputs_is_a_quarter_of_that_between_halves():
    """The mean of n inputs has variance s^2 / n, that of either half 2 s^2 / n, and their difference 4 s^2 / n."""
    rng, n = np.random.default_rng(0), 400
    inputs = rng.standard_normal((2000, n))
    halves = inputs.reshape(2000, 2, n // 2).mean(axis=2)
    left = Left(np.array(0.3), np.zeros(4), np.zeros(6), (4,), halves)
    assert left.of_inputs == pytest.approx(1 / n, rel=0.1)
    assert left.of_inputs == pytest.approx(np.square(halves[:, 0] - halves[:, 1]).mean() / 4)


def test_the_interval_over_networks_and_inputs_adds_both_variances():
    networks, pairs = np.array([0.2, 0.4, 0.3, 0.3]), np.array([0.3] * 6)
    left = Left(np.array(0.3), networks, pairs, (4,), np.array([[0.1, 0.5], [0.4, 0.2]]))
    z = np.arctanh(networks)
    halves = np.arctanh([[0.1, 0.5], [0.4, 0.2]])
    variance = 3 / 4 * np.square(z - z.mean()).sum() + np.square(halves[:, 0] - halves[:, 1]).mean() / 4
    reach = stats.t.ppf(0.975, 3) * np.sqrt(variance)
    assert interval(left, inputs=True) == pytest.approx(np.tanh(np.arctanh(0.3) + np.array([-reach, reach])))
    low, high = interval(left)
    assert interval(left, inputs=True)[0] < low and high < interval(left, inputs=True)[1]
    assert np.isnan(interval(replace(left, halves=np.empty((0, 2))), inputs=True)).all()
