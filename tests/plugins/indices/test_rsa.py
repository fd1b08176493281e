"""RSA against scipy's distances and rank correlations, and the covariance of dissimilarities."""

import numpy as np
import oracle_dissimilarities as reference
import pytest
import torch
from paired_rows import correlated, rotation
from simbench_plugins.indices.distances import square
from simbench_plugins.indices.ranks import ranks, untied
from simbench_plugins.indices.rsa import RSA
from zoo_rows import ROWS

from simbench import Inapplicable, InputError, Undefined, similarity

KINDS = ("correlation", "euclidean", "sqeuclidean", "cosine", "mahalanobis", "sqmahalanobis")
FAST, SLOW = ("pearson", "spearman", "cosine"), ("kendall", "whitened_cosine")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rows", ROWS)
def test_rsa_is_a_correlation_of_distances_of_scipy(rows, kind):
    a, b = ROWS[rows]()
    if "mahalanobis" in kind and max(a.shape[1], b.shape[1]) >= len(a):
        with pytest.raises(InputError, match="directions on .* rows, which are all equally far apart after whitening"):
            similarity(RSA(kind), a, b)
        return
    for comparison in FAST:
        expected = reference.rsa(a, b, kind, comparison)
        tolerance = _of_ties(len(a)) if (rows, comparison) == ("rows twice", "spearman") else 1e-9
        assert similarity(RSA(kind, comparison), a, b) == pytest.approx(expected, abs=tolerance), comparison


def _of_ties(n):
    """By how much Spearman's correlation of m dissimilarities may change where rounding breaks ties: each row is there
    twice, so that m / 4 groups of four are tied, and one that is broken adds up to (4^3 - 4) / 12 = 5 to a sum of
    squares of m^3 / 12."""
    m = n * (n - 1) / 2
    return m / 4 * 5 / (m**3 / 12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("comparison", SLOW)
def test_kendall_counts_pairs_and_whitening_inverts_the_covariance_of_all_dissimilarities(kind, comparison):
    a, b = correlated(30, 5, 8, seed=1)
    a[20:], b[25:] = a[:10], b[:5]  # ties
    expected = reference.rsa(a, b, kind, comparison)
    assert similarity(RSA(kind, comparison), a, b) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("comparison", ["spearman", "kendall"])
def test_uncorrected_correlations_divide_by_the_number_of_all_pairs(comparison):
    a, b = correlated(24, 5, 8, seed=2)
    a[16:], b[20:] = a[:8], b[:4]
    index = RSA("euclidean", comparison, "uncorrected")
    expected = reference.rsa(a, b, "euclidean", comparison, "uncorrected")
    assert similarity(index, a, b) == pytest.approx(expected, abs=1e-12)
    assert abs(expected) < abs(reference.rsa(a, b, "euclidean", comparison)) - 1e-6
    assert similarity(index, a, a) < 1 - 1e-6


def test_the_whitened_cosine_of_squared_distances_is_linear_cka():
    a, b = correlated(40, 5, 60, seed=3)
    assert similarity(RSA("sqeuclidean", "whitened_cosine"), a, b) == pytest.approx(similarity("cka", a, b), abs=1e-12)


def test_distances_tied_but_for_rounding_keep_the_value_when_rotated():
    rng = np.random.default_rng(4)
    a, b = rng.integers(0, 3, size=(60, 5)).astype(float), rng.integers(0, 3, size=(60, 4)).astype(float)
    for comparison in ("spearman", "kendall"):
        index = RSA("euclidean", comparison)
        turned = 0.7 * a @ rotation(5, 5) + 4
        assert similarity(index, turned, b) == pytest.approx(similarity(index, a, b), abs=1e-12)
        assert similarity(index, a, b) == pytest.approx(reference.rsa(a, b, "euclidean", comparison), abs=1e-12)


def test_ranks_tie_neighbours_within_rounding_only():
    values = torch.tensor([3.0, 1.0, 1.0 + 1e-14, 2.0, 1.0 - 1e-14], dtype=torch.float64)
    order, counts = ranks(values, 2e-14)
    assert order.tolist() == [5, 2, 2, 4, 2] and counts.tolist() == [3, 1, 1] and float(untied(counts)) == 7
    assert ranks(values, 1e-15)[0].tolist() == [5, 2, 3, 4, 1]


def test_what_correlation_dissimilarities_do_and_do_not_see():
    a, b = correlated(40, 6, 8, seed=6)
    value = similarity("rsa", a, b)
    each = np.random.default_rng(7)
    own = each.uniform(1, 3, size=(40, 1)) * a + each.normal(size=(40, 1))  # of every row
    assert similarity("rsa", own, b) == pytest.approx(value, abs=1e-12)
    assert similarity("rsa", a + np.arange(6), b) != pytest.approx(value, abs=1e-3)
    assert similarity("rsa", a @ rotation(6, 8), b) != pytest.approx(value, abs=1e-3)


@pytest.mark.parametrize("kind", KINDS[:4])
@pytest.mark.parametrize("comparison", ["pearson", "cosine", "whitened_cosine"])
def test_gradients_are_those_of_finite_differences(kind, comparison):
    a, b = (torch.from_numpy(x).requires_grad_() for x in correlated(6, 3, 4, seed=9))
    assert RSA(kind, comparison).claims.differentiable
    assert torch.autograd.gradcheck(RSA(kind, comparison).from_samples, (a, b))


@pytest.mark.parametrize("comparison", ["pearson", "spearman", "kendall"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_rows_equally_far_apart_correlate_with_nothing(comparison, dtype):
    simplex = (3 * np.eye(24) @ rotation(24, 1) + 7).astype(dtype)
    other = correlated(24, 3, 2, seed=10)[0].astype(dtype)
    for a, b in ((simplex, simplex), (simplex, other), (other, simplex)):
        with pytest.raises(InputError, match="has rows that are all equally far apart"):
            similarity(RSA("euclidean", comparison), a, b)
    assert similarity(RSA("euclidean", "cosine"), simplex, simplex) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("level", [0.0, 0.1, 1e3])
def test_rows_without_a_direction_are_named(level):
    a, b = (torch.from_numpy(x) for x in correlated(20, 6, 8, seed=11))
    b[4], b[7] = level, -level
    with pytest.raises(Undefined, match="^b has 2 of 20 rows that are constant over the features .*use rdm=euclidean"):
        RSA().from_samples(a, b)
    if level == 0:
        with pytest.raises(Undefined, match="^a has 2 of 20 rows that are zero"):
            RSA("cosine").from_samples(b, a)
    with pytest.raises(Inapplicable, match="^b has 8 directions on 9 rows"):
        RSA("mahalanobis").from_samples(a[:9, :2], b[8:17])


def test_ties_are_for_ranks_only():
    with pytest.raises(InputError, match="ties is uncorrected and comparison pearson; ties is only for comparison=sp"):
        RSA(comparison="pearson", ties="uncorrected")


def test_states_are_plain_and_kendall_alone_is_no_inner_product():
    a, b = (torch.from_numpy(x) for x in correlated(20, 6, 8, seed=12))
    for comparison in (*FAST, *SLOW):
        index = RSA("euclidean", comparison)
        f, g = index.prepare(a), index.prepare(b)
        assert index.inner == (comparison != "kendall") and bool(index.slow) == (comparison == "kendall")
        if index.inner:
            assert float(f @ g) == pytest.approx(float(index.compare(f, g)), abs=1e-14)
    assert square(torch.arange(1.0, 4), 3, 9.0).tolist() == [[9, 1, 2], [1, 9, 3], [2, 3, 9]]
