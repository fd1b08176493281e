"""Soft pairwise accuracy, against its definition pair by pair."""

import itertools

import numpy as np
import pytest
from scipy.stats import norm

from simbench.statistics.pairwise import soft_pairwise_accuracy


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
