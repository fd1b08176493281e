"""Distances, distance correlation and RSM norms against scipy, row by row sums and closed forms."""

import numpy as np
import oracle_dissimilarities as reference
import pytest
import torch
from paired_rows import correlated, rotation
from scipy.spatial.distance import pdist
from simbench_plugins.indices import distances as distances_module
from simbench_plugins.indices.distance_correlation import DistanceCorrelation
from simbench_plugins.indices.distances import distances, median, packed
from simbench_plugins.indices.rsm_norm import RSMNorm
from zoo_rows import ROWS

from simbench import InputError, Undefined, similarity

RSMS = ("inner", "covariance", "cosine", "euclidean")


@pytest.mark.parametrize("rows", [name for name in ROWS if not name.startswith(("200", "160"))])
def test_distance_correlation_is_that_of_sums_over_rows(rows):
    a, b = ROWS[rows]()
    for unbiased, squared, exponent in ((0, 0, 1.0), (1, 0, 1.0), (0, 1, 1.0), (0, 0, 0.5), (1, 0, 1.5)):
        expected = reference.distance_correlation(a, b, unbiased, squared, exponent)
        index = DistanceCorrelation("unbiased" if unbiased else "biased", bool(squared), exponent)
        assert similarity(index, a, b) == pytest.approx(expected, abs=1e-9), index.spec


@pytest.mark.parametrize("rows", ["200x20 against 200x30", "160x30 against 160x20"])
def test_distance_correlation_of_many_rows(rows):
    a, b = ROWS[rows]()
    assert similarity("distance_correlation", a, b) == pytest.approx(reference.distance_correlation(a, b), abs=1e-9)


def test_the_square_with_exponent_two_is_linear_cka():
    a, b = correlated(40, 5, 60, seed=1)
    index = DistanceCorrelation(squared=True, exponent=2.0)
    assert similarity(index, a, b) == pytest.approx(similarity("cka", a, b), abs=1e-12)


def test_distance_correlation_of_independent_rows_is_large_unless_corrected():
    pairs = [np.random.default_rng(seed).normal(size=(2, 30, 40)) for seed in range(20)]
    biased, unbiased = (
        [similarity(DistanceCorrelation(name), a, b) for a, b in pairs] for name in ("biased", "unbiased")
    )
    assert min(biased) > 0.8 and abs(np.mean(unbiased)) < 0.03 and min(unbiased) < 0


def test_rows_equally_far_apart_have_no_unbiased_distance_variance():
    simplex, other = 3 * np.eye(24) @ rotation(24, 1) + 7, correlated(24, 3, 2, seed=2)[0]
    for a, b in ((simplex, other), (other, simplex.astype(np.float32))):
        with pytest.raises(InputError, match="equally far apart"):
            similarity("distance_correlation[estimator=unbiased]", a, b)
        assert 0 < similarity("distance_correlation", a, b) < 1
    with pytest.raises(Undefined, match="^b has no rows that differ"):
        DistanceCorrelation().from_samples(torch.from_numpy(other), torch.ones(24, 3))


def test_squared_is_for_the_biased_estimator():
    with pytest.raises(InputError, match="squared is true and estimator unbiased, which is a square"):
        DistanceCorrelation("unbiased", squared=True)
    with pytest.raises(InputError, match="exponent is 0.0; a number above 0 up to 2 is allowed"):
        DistanceCorrelation(exponent=0.0)


@pytest.mark.parametrize("index", [DistanceCorrelation(), DistanceCorrelation("unbiased", exponent=0.5), RSMNorm()])
def test_gradients_are_those_of_finite_differences_and_finite_where_rows_coincide(index):
    a, b = (torch.from_numpy(x).requires_grad_() for x in correlated(6, 2, 3, seed=3))
    assert torch.autograd.gradcheck(index.from_samples, (a, b))
    twice = torch.cat([a, a[:2]])
    index.from_samples(twice, torch.cat([b, b[:2]])).backward()
    assert a.grad.isfinite().all() and a.grad.norm() > 1e-6


@pytest.mark.parametrize("rsm", RSMS)
@pytest.mark.parametrize("rows", [name for name in ROWS if name != "rotated and scaled"])
def test_rsm_norms_are_norms_of_differences_of_whole_matrices(rows, rsm):
    a, b = ROWS[rows]()
    for norm in ("frobenius", "spectral") if len(a) < 100 else ("frobenius",):
        expected = reference.rsm_norm(a, b, rsm, norm)
        assert similarity(RSMNorm(rsm, norm), a, b) == pytest.approx(expected, rel=1e-9), norm


@pytest.mark.parametrize("rsm", RSMS)
def test_rsm_norms_of_rotated_rows_are_the_rounding_of_the_matrices(rsm):
    a = correlated(40, 12, 2, seed=4)[0]
    size = np.linalg.norm(a @ a.T)
    assert similarity(RSMNorm(rsm), a, a @ rotation(12, 5)) < 40 * 1e-15 * size
    assert similarity(RSMNorm(rsm), a, 2 * a) > 0.1 or rsm == "cosine"


def test_zero_rows_have_no_cosine():
    a, b = (torch.from_numpy(x) for x in correlated(20, 6, 8, seed=5))
    b[4] = 0
    with pytest.raises(Undefined, match="^b has 1 of 20 rows that are zero .* use rsm=inner"):
        RSMNorm("cosine").from_samples(a, b)


@pytest.mark.parametrize("dtype, tolerance", [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_wide_rows_that_are_multiplied_have_the_distances_of_scipy(monkeypatch, dtype, tolerance):
    monkeypatch.setattr(distances_module, "_WIDE", 8)
    monkeypatch.setattr(distances_module, "_FEW", 8)
    monkeypatch.setattr(distances_module, "_BLOCK", 64)
    x = torch.from_numpy(correlated(30, 16, 2, seed=6)[0] + 5).to(dtype)
    x[7], x[9] = x[3], x[4] + 1e-3 * x[5]
    between = distances(x.requires_grad_())
    expected = pdist(x.detach().double().numpy())
    np.testing.assert_allclose(between.detach().numpy(), expected, rtol=tolerance, atol=0)
    assert (between == 0).sum() == 1
    (slope,) = torch.autograd.grad(between.sum(), x)
    (direct,) = torch.autograd.grad(torch.pdist(x).sum(), x)
    np.testing.assert_allclose(slope.numpy(), direct.numpy(), atol=30 * tolerance)


@pytest.mark.parametrize("index", [DistanceCorrelation(), RSMNorm()], ids=lambda index: index.spec)
def test_too_many_rows_for_all_pairs_are_one_clear_line(index):
    with pytest.raises(InputError, match="every row is compared with every other: 20001 rows are given, at most 20000"):
        index.prepare(torch.zeros(20001, 1))


def test_the_median_is_numpys():
    for values in ([3.0, 1, 2], [4.0, 1, 2, 8], [1.0, 1, 1, 5], [1.0, 2, 2, 2], [7.0, 7], [0.0, 0, 3, 9]):
        assert float(median(torch.tensor(values))) == np.median(values)


def test_packed_matrices_have_the_inner_products_of_whole_ones():
    k, l = (x + x.mT for x in torch.randn(2, 5, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64))
    assert float(packed(k) @ packed(l)) == pytest.approx(float((k * l).sum()), abs=1e-12)
    off = float((k * l).sum() - k.diagonal() @ l.diagonal())
    assert float(packed(k, False) @ packed(l, False)) == pytest.approx(off, abs=1e-12)
