"""Soft pairwise accuracy against its definition pair by pair, and Kendall's tau against scipy."""

import itertools

import numpy as np
import pytest
from scipy.stats import kendalltau, norm

from simbench.statistics import pairwise


def soft_pairwise_accuracy(x: np.ndarray, y: np.ndarray, halves: np.ndarray) -> float:
    """Of one index and one target."""
    return pairwise.soft_pairwise_accuracy(x[None], y[None], [halves])[0, 0]


def given(seed: int = 0, cells: int = 7, splits: int = 4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((2, cells))
    return x.round(), y, y[:, None, None] + 0.3 * rng.standard_normal((cells, splits, 2))


def test_it_is_the_mean_over_pairs_of_the_definition():
    x, y, halves = given()
    values = []
    for i, j in itertools.combinations(range(7), 2):
        differences = [(a[0] - a[1]) - (b[0] - b[1]) for a, b in zip(halves[i], halves[j], strict=True)]
        p = norm.cdf((y[i] - y[j]) / np.sqrt(np.mean(np.square(differences)) / 4))
        q = 1.0 if x[i] > x[j] else 0.0 if x[i] < x[j] else 0.5
        values.append(1 - abs(p - q))
    assert soft_pairwise_accuracy(x, y, halves) == pytest.approx(np.mean(values), rel=1e-12)


def test_without_noise_it_is_the_share_of_pairs_in_the_right_order():
    y = np.arange(4.0)
    halves = np.repeat(y, 6).reshape(4, 3, 2)
    assert soft_pairwise_accuracy(y, y, halves) == 1 and soft_pairwise_accuracy(-y, y, halves) == 0
    assert soft_pairwise_accuracy(np.array([1.0, 0, 2, 3]), y, halves) == pytest.approx(5 / 6)
    assert soft_pairwise_accuracy(np.zeros(4), y, halves) == 0.5


def test_it_is_not_known_without_the_halves():
    x, y, halves = given()
    assert np.isnan(soft_pairwise_accuracy(x, y, halves[:, :0]))
    halves[2, 1, 0] = -np.inf
    assert np.isnan(soft_pairwise_accuracy(x, y, halves))


def test_many_indices_and_targets_give_what_each_two_give(monkeypatch):
    several = [given(seed, cells=9) for seed in range(3)]
    xs, ys, halves = (list(part) for part in zip(*several, strict=True))
    halves[1] = halves[1][:, :0]  # not known
    monkeypatch.setattr(pairwise, "_PAIRS", 10)  # of 36
    found = pairwise.soft_pairwise_accuracy(np.array(xs), np.array(ys), halves)
    monkeypatch.undo()
    wanted = [[soft_pairwise_accuracy(x, y, half) for y, half in zip(ys, halves, strict=True)] for x in xs]
    assert found == pytest.approx(np.array(wanted), rel=1e-12, nan_ok=True)
    assert np.isnan(found[:, 1]).all() and np.isfinite(found[:, [0, 2]]).all()


def test_kendalls_tau_is_that_of_scipy_with_ties(monkeypatch):
    rng = np.random.default_rng(0)
    xs, ys = rng.integers(0, 4, (3, 12)).astype(float), rng.standard_normal((2, 12)).round(1)
    monkeypatch.setattr(pairwise, "_PAIRS", 25)  # of 66
    wanted = [[kendalltau(x, y).statistic for y in ys] for x in xs]
    assert pairwise.kendall(xs, ys) == pytest.approx(np.array(wanted), abs=1e-12)
    assert np.isnan(pairwise.kendall(np.ones((1, 12)), ys)).all()
