"""The correlation given the end network, against residuals of ranks on dummies of the end."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from small_grids import all_pairs, circulant, grid

from simbench.statistics.estimates import estimated
from simbench.statistics.replicates import Plan


def partial(x: np.ndarray, y: np.ndarray, ends: np.ndarray) -> float:
    """Pearson's correlation of what least squares on dummies of the ends leaves of the ranks."""
    dummies = (ends[:, None] == np.unique(ends)).astype(float)
    left = []
    for values in (x, y):
        ranks = stats.rankdata(values)
        left.append(ranks - dummies @ np.linalg.lstsq(dummies, ranks, rcond=None)[0])
    return stats.pearsonr(*left).statistic


def value(pairs, x, y, scope="within_end", intervals=False):
    return estimated(grid(pairs, [x], [y]), Plan(intervals, 0, ())).found[0, 0, scope, "spearman"]


@pytest.mark.parametrize("pairs", [all_pairs(6), circulant(8, (1, 3, 4))], ids=["all pairs", "circulant"])
def test_within_end_is_the_mean_over_layers_of_the_partial_rank_correlation(pairs):
    x, y = np.random.default_rng(1).random((2, len(pairs), 3)).round(1)  # with ties
    ends = np.array(pairs)[:, 1]
    wanted = np.mean([partial(x[:, at], y[:, at], ends) for at in range(3)])
    assert value(pairs, x, y).value == pytest.approx(wanted)


def test_replicates_given_the_end_are_those_of_the_tables_that_are_left():
    pairs = all_pairs(6)
    x, y = np.random.default_rng(2).random((2, len(pairs), 1))
    left = estimated(grid(pairs, [x], [y]), Plan(True, 0, ())).left[0, 0, "within_end"]
    a, b = np.array(pairs).T
    for i in range(6):
        keep = (a != i) & (b != i)
        assert left.networks[i] == pytest.approx(partial(x[keep, 0], y[keep, 0], b[keep]))
    for p in range(len(pairs)):
        keep = np.arange(len(pairs)) != p
        assert left.pairs[p] == pytest.approx(partial(x[keep, 0], y[keep, 0], b[keep]))


def test_nothing_is_left_where_the_end_explains_the_target():
    pairs = all_pairs(7)
    ends = np.array(pairs)[:, 1]
    x = np.random.default_rng(3).random(len(pairs)) + ends
    y = ends.astype(float)
    assert value(pairs, x, y, "within").value > 0.9
    assert value(pairs, x, y).value == 0


def test_an_index_of_the_end_alone_has_nothing_given_the_end():
    pairs = all_pairs(7)
    ends = np.array(pairs)[:, 1]
    y = 0.1 * np.random.default_rng(4).random(len(pairs)) + ends
    assert value(pairs, ends.astype(float), y, "within").value > 0.9
    assert value(pairs, ends.astype(float), y).value == 0


@pytest.mark.long
@given(st.permutations(range(6)), st.integers(0, 5))
@settings(max_examples=8, deadline=None)
def test_renaming_the_networks_changes_nothing(names, seed):
    pairs = all_pairs(6)
    x, y = np.random.default_rng(seed).random((2, 6, 6))
    a, b = np.array(pairs).T
    renamed = np.array(names)
    for scope in ("pooled", "within", "within_end"):
        first = value(pairs, x[a, b], y[a, b], scope, True)
        second = value(pairs, x[renamed[a], renamed[b]], y[renamed[a], renamed[b]], scope, True)
        assert (second.value, second.low, second.high) == pytest.approx((first.value, first.low, first.high))


@given(st.sampled_from([np.exp, np.cbrt, lambda x: 3 * x - 7, np.arctan]), st.integers(0, 5))
@settings(max_examples=8, deadline=None)
def test_a_monotone_transform_of_an_index_changes_no_correlation_of_ranks(transform, seed):
    pairs = all_pairs(6)
    x, y = np.random.default_rng(seed).standard_normal((2, len(pairs), 2))
    for scope in ("pooled", "within", "within_end"):
        first, second = (value(pairs, each, y, scope, True) for each in (x, transform(x)))
        assert (second.value, second.low, second.high) == pytest.approx((first.value, first.low, first.high))
