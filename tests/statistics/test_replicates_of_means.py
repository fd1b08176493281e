"""A mean over layers without a network or a pair is the mean of the table without it, whatever is left there."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from small_grids import all_pairs, grid

from simbench.statistics.estimates import estimated
from simbench.statistics.jackknife import Left
from simbench.statistics.remaining import remaining
from simbench.statistics.replicates import Plan

PAIRS = all_pairs(6)
A, B = np.array(PAIRS).T


def without(network: int) -> np.ndarray:
    """The pairs that are left."""
    return (network != A) & (network != B)


NOT_0 = without(0)


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((len(PAIRS), 3))


def left(x: np.ndarray, y: np.ndarray, scope: str, ok: np.ndarray | bool = True) -> Left:
    """ok: (pairs, layers) where the index has a value."""
    made = grid(PAIRS, [x], [y])
    made.indices[0].status[:] = np.where(ok, "ok", "degenerate")
    made.indices[0].values[:] = np.where(ok, x, np.nan)
    return estimated(made, Plan(True, 0, ())).left[0, 0, scope]


def recomputed(x: np.ndarray, y: np.ndarray, scope: str, keep: np.ndarray) -> float:
    made = grid([pair for pair, is_left in zip(PAIRS, keep, strict=True) if is_left], [x[keep]], [y[keep]])
    return estimated(made, Plan(False, 0, ())).found[0, 0, scope, "spearman"].value


def of_0_alone(values: np.ndarray) -> np.ndarray:
    """Values that are constant in the first layer, but for the pairs of network 0."""
    values = values.copy()
    values[NOT_0, 0] = 0.5
    return values


@pytest.mark.parametrize("scope", ["within", "within_end"])
@pytest.mark.parametrize("constant", ["index", "target", "both", "neither"])
def test_a_mean_without_a_network_or_a_pair_is_that_of_the_table_without_it(scope, constant):
    x, y = noise(0), noise(1)
    x = of_0_alone(x) if constant in ("index", "both") else x
    y = of_0_alone(y) if constant in ("target", "both") else y
    found = left(x, y, scope)
    networks = [recomputed(x, y, scope, without(i)) for i in range(6)]
    some = range(0, len(PAIRS), 4)  # of every network, on either side
    pairs = [recomputed(x, y, scope, np.arange(len(PAIRS)) != p) for p in some]
    assert found.networks == pytest.approx(networks) and found.pairs[some] == pytest.approx(pairs)


def test_an_index_that_is_constant_without_a_network_counts_0_there():
    x, y = of_0_alone(noise(0)), noise(1)
    wanted = np.sum([stats.spearmanr(x[NOT_0, at], y[NOT_0, at]).statistic for at in (1, 2)]) / 3
    assert left(x, y, "within").networks[0] == pytest.approx(wanted)


def test_a_target_that_is_constant_without_a_network_leaves_the_layer_out_there():
    x, y = noise(0), of_0_alone(noise(1))
    wanted = np.mean([stats.spearmanr(x[NOT_0, at], y[NOT_0, at]).statistic for at in (1, 2)])
    assert left(x, y, "within").networks[0] == pytest.approx(wanted)


def test_an_index_without_values_in_a_layer_counts_0_there_without_any_network():
    x, y = noise(0), noise(1)
    ok = np.array([False, True, True])
    found = left(x, y, "within", ok)
    for i in range(6):
        keep = without(i)
        wanted = np.sum([stats.spearmanr(x[keep, at], y[keep, at]).statistic for at in (1, 2)]) / 3
        assert found.networks[i] == pytest.approx(wanted)
    assert found.value == pytest.approx(np.sum([stats.spearmanr(x[:, at], y[:, at]).statistic for at in (1, 2)]) / 3)


def test_an_index_that_orders_nothing_at_all_without_a_network_has_no_mean_there():
    x, y = noise(0), noise(1)
    x[NOT_0] = 0.5
    found = left(x, y, "within")
    assert np.isnan(found.networks[0]) and np.isfinite(found.networks[1:]).all() and np.isnan(found.variance)


def test_a_layer_does_not_count_where_too_few_pairs_are_left_of_it():
    """The first layer has three pairs, one of them with network 0: without it, two are left, and the layer is out."""
    x, y = noise(2), noise(3)
    few = np.zeros(len(PAIRS), dtype=bool)
    few[[PAIRS.index(pair) for pair in ((0, 1), (2, 3), (4, 5))]] = True
    made = grid(PAIRS, [x], [y])
    for variable in (*made.indices, *made.targets):
        variable.status[~few, 0] = ""
        variable.values[~few, 0] = np.nan
    counts = remaining(made, made.targets[0], made.layers[0])
    assert counts["without_network"].tolist() == [False] * 6 and not counts["without_pair"][PAIRS.index((0, 1))]
