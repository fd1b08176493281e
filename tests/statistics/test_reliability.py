"""Reliability and noise ceiling on simulated scores of known reliability, and which layers count."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from small_grids import all_pairs, grid

from simbench.statistics.estimates import estimated
from simbench.statistics.reliability import ceiling, half_splits, reliability, whole
from simbench.statistics.replicates import Plan
from simbench.statistics.trust import trust


def scores(cells: int, r: float, inputs: int = 200, seed: int = 0, splits: int = 20) -> tuple[np.ndarray, ...]:
    """(truth, measured, halves) of normal scores, means over inputs, of reliability r."""
    rng = np.random.default_rng(seed)
    truth = np.sqrt(r) * rng.standard_normal(cells)
    single = truth[:, None] + np.sqrt((1 - r) * inputs) * rng.standard_normal((cells, inputs))
    first = half_splits(inputs, splits)
    halves = np.stack([[single[:, half].mean(1), single[:, ~half].mean(1)] for half in first])  # (splits, 2, cells)
    return truth, single.mean(1), halves.transpose(2, 0, 1)


@pytest.mark.parametrize("r", [0.2, 0.5, 0.8])
def test_the_ceiling_is_what_the_noiseless_scores_reach(r):
    truth, measured, halves = scores(4000, r)
    reached = stats.spearmanr(truth, measured).statistic
    assert reliability(halves) == pytest.approx(r, abs=0.04)
    assert ceiling(reliability(halves)) == pytest.approx(reached, abs=0.03)
    assert abs(reliability(halves) - reached) > 0.08, "the reliability itself is no ceiling"


def test_reliability_is_that_of_scipy_on_every_split():
    _, _, halves = scores(12, 0.6, splits=5)
    half = np.mean([stats.spearmanr(halves[:, s, 0], halves[:, s, 1]).statistic for s in range(5)])
    assert reliability(halves) == pytest.approx(2 * half / (1 + half))


def test_reliability_given_the_group_is_that_of_ranks_less_their_mean():
    _, _, halves = scores(12, 0.6, splits=3)
    group = np.arange(12) % 4
    dummies = (group[:, None] == np.arange(4)).astype(float)
    found = []
    for s in range(3):
        ranks = stats.rankdata(halves[:, s], axis=0)
        rest = ranks - dummies @ np.linalg.lstsq(dummies, ranks, rcond=None)[0]
        found.append(stats.pearsonr(*rest.T).statistic)
    half = np.mean(found)
    assert reliability(halves, group) == pytest.approx(2 * half / (1 + half))


def test_known_halves():
    a = np.array([1.0, 2, 3, 4])
    assert reliability(np.stack([a, a], -1)[:, None]) == pytest.approx(1)
    # ranks 1 2 3 4 and 2 1 4 3: r = 1 - 6 * 4 / (4 * 15) = 0.6, the whole 1.2 / 1.6
    assert reliability(np.stack([a, a[[1, 0, 3, 2]]], -1)[:, None]) == pytest.approx(0.75)
    assert (whole(0), whole(1), whole(0.6)) == pytest.approx((0, 1, 0.75))
    assert whole(-1) == whole(-0.3) == 0 and np.isnan(whole(np.nan))


def test_noise_alone_has_no_reliability_and_the_ceiling_0():
    assert reliability(scores(4000, 0.0)[2]) == pytest.approx(0, abs=0.05)
    assert ceiling(0) == ceiling(-0.3) == 0


def test_unknown_or_constant_halves_have_no_reliability():
    halves = scores(6, 0.5)[2]
    assert np.isnan(reliability(np.where(np.arange(6)[:, None, None] == 2, np.nan, halves)))
    assert np.isnan(reliability(np.ones((6, 20, 2)))) and np.isnan(reliability(halves[:2]))
    assert np.isnan(reliability(np.empty((6, 0, 2)))) and np.isnan(ceiling(np.nan))


def test_halves_are_halves_and_the_same_at_every_call():
    first = half_splits(7)
    assert first.shape == (20, 7) and (first.sum(axis=1) == 3).all()
    assert (first == half_splits(7)).all() and len(np.unique(first, axis=0)) > 10


PAIRS = all_pairs(7)


def layers(*r: float) -> tuple[np.ndarray, np.ndarray]:
    """Targets (pairs, layers) and their halves, one layer for each reliability."""
    parts = [scores(len(PAIRS), each, seed=at) for at, each in enumerate(r)]
    return np.stack([part[1] for part in parts], 1), np.stack([part[2] for part in parts], 1)


@pytest.mark.parametrize("kind", ["noise", "the target itself", "constant"])
def test_a_layer_of_noise_is_left_out_whatever_the_indices_are(kind):
    y, halves = layers(0.9, 0.0, 0.95)
    noise = np.random.default_rng(9).standard_normal(y.shape)
    x = {"noise": noise, "the target itself": y, "constant": np.ones_like(y)}[kind]
    some = grid(PAIRS, [x, noise], [y], halves)
    found = estimated(some, Plan(False, 0, ()))
    assert list(found.trusts[0].unusable) == ["l1"]
    assert found.trusts[0].unusable["l1"].startswith("target unreliable (")
    for i, index in enumerate((x, noise)):
        values = [0.0 if kind == "constant" and not i else stats.spearmanr(index[:, at], y[:, at])[0] for at in (0, 2)]
        within = found.found[i, 0, "within", "spearman"]
        if kind == "constant" and not i:
            assert np.isnan(within.value)
        else:
            assert within.value == pytest.approx(np.mean(values))
        assert within.layers == 2


def test_without_outcomes_no_layer_is_left_out():
    y, _ = layers(0.9, 0.0)
    found = trust(grid(PAIRS, [y], [y]), grid(PAIRS, [y], [y]).targets[0])
    assert found.unusable == {} and np.isnan(found.ceiling["within"])


def test_the_ceiling_within_layers_is_the_mean_over_the_layers_that_count():
    y, halves = layers(0.9, 0.0, 0.6)
    some = grid(PAIRS, [y], [y], halves)
    found = trust(some, some.targets[0])
    counting = [reliability(halves[:, at]) for at in (0, 2)]
    assert found.ceiling["within"] == pytest.approx(np.mean(np.sqrt(counting)))
    ends = np.array(PAIRS)[:, 1]
    given = [reliability(halves[:, at], ends) for at in (0, 2)]
    assert found.reliability["within_end"] == pytest.approx(np.mean(given))
    assert found.ceiling["l0"] == pytest.approx(np.sqrt(counting[0]))
