"""Least squares and reduced rank stitches against pinv and the truncated singular value decomposition."""

import numpy as np
import oracle
import pytest
import scipy.linalg
import torch
from paired_rows import PAIRS, correlated
from simbench_plugins.indices.r2_lr import R2LR
from simbench_plugins.stitchers.least_squares import LeastSquares, ReducedRank

from simbench import InputError, Moments

# Moments square the condition number: at 1e6, of the features or of the offset in the uncentred problem, weights
# are not determined to a useful accuracy.
DETERMINED = [name for name in PAIRS if name not in ("condition 1e6", "means 1e6 times the deviation")]
WIDTHS = [(4, 7), (7, 4), (5, 5)]


def moments(a, b):
    return Moments.of(torch.from_numpy(a), torch.from_numpy(b))


def arrays(affine):
    return affine.weight.numpy(), None if affine.bias is None else affine.bias.numpy()


def shifted(p, q, n=50, seed=0):
    a, b = correlated(n, p, q, seed)
    return a + 1 + np.arange(p), b - 2


def undetermined(a, bias):
    """Relative error that weights may have: (n + p) eps of the sums of products times the squared condition number of
    the unit columns; and what is below the rounding of float32 is cut by everyone in a way of their own."""
    sigma = np.linalg.svd(oracle.unit_columns(oracle.about(a, bias)), compute_uv=False)
    rank = int((sigma > oracle.precision(a) * sigma[0]).sum())
    cut = sigma[rank] / sigma[rank - 1] if rank < len(sigma) else 0
    return sum(a.shape) * np.finfo(float).eps * (sigma[0] / sigma[rank - 1]) ** 2 + cut


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("name", DETERMINED)
def test_least_squares_weight_is_pinv_of_a_times_b(name, bias):
    a, b = PAIRS[name][0]()
    weight, intercept = arrays(LeastSquares(bias).from_moments(moments(a, b)))
    expected, expected_intercept = oracle.least_squares(a, b, bias)
    tolerance = undetermined(a, bias)
    assert tolerance < 1e-4
    assert np.linalg.norm(weight - expected) <= tolerance * np.linalg.norm(expected)
    if bias:
        size = np.abs(b).max() + np.linalg.norm(a.mean(0)) * np.linalg.norm(expected)
        assert np.linalg.norm(intercept - expected_intercept) <= tolerance * size


@pytest.mark.parametrize("name", PAIRS)
def test_least_squares_predicts_what_numpy_predicts(name):
    a, b = PAIRS[name][0]()
    affine = LeastSquares().from_moments(moments(a, b))
    found = affine(torch.from_numpy(a).double()).numpy() - b.astype(np.float64).mean(0)
    expected = oracle.fitted(a, b)
    tolerance = 1e-3 if name == "condition 1e6" else 1e-6
    assert np.linalg.norm(found - expected) <= tolerance * np.linalg.norm(expected)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("p, q", WIDTHS)
def test_least_squares_residual_is_one_minus_r2(p, q, bias):
    m = moments(*shifted(p, q))
    residual = m.residual(LeastSquares(bias).from_moments(m))
    assert 1 - float(residual) == pytest.approx(float(R2LR(centred=bias).from_moments(m)), abs=1e-10)


def test_residual_of_a_fit_on_other_rows_is_at_least_one_minus_their_r2():
    a, b = shifted(6, 4, 120)
    train, test = moments(a[:40], b[:40]), moments(a[40:], b[40:])
    assert float(test.residual(LeastSquares().from_moments(train))) > 1 - float(R2LR().from_moments(test))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("p, q", WIDTHS)
def test_least_squares_recovers_a_planted_map_exactly(p, q, bias):
    rng = np.random.default_rng(1)
    a, planted = rng.normal(size=(40, p)) + 3, rng.normal(size=(p, q))
    intercept = 5 * rng.normal(size=q) if bias else np.zeros(q)
    m = moments(a, a @ planted + intercept)
    weight, found = arrays(LeastSquares(bias).from_moments(m))
    assert np.allclose(weight, planted, atol=1e-10)
    assert np.allclose(found, intercept, atol=1e-9) if bias else found is None


@pytest.mark.parametrize("bias", [True, False])
def test_of_all_maps_that_interpolate_the_least_squares_weight_has_the_least_norm(bias):
    a, b = correlated(8, 15, 4, seed=2)
    weight = LeastSquares(bias).from_moments(moments(a, b)).weight.numpy()
    rows = oracle.about(a, bias)
    assert np.allclose(rows @ weight, oracle.about(b, bias), atol=1e-9)
    null = scipy.linalg.null_space(rows)
    assert null.shape[1] == 15 - (7 if bias else 8)
    assert np.abs(null.T @ weight).max() < 1e-10  # any other adds a part in the null space


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("stitcher", [LeastSquares, ReducedRank])
def test_a_dead_feature_gets_a_zero_weight_row(stitcher, bias):
    a, b = shifted(5, 4)
    a[:, 2], b[:, 1] = 0, 0
    weight, intercept = arrays(stitcher(bias=bias).from_moments(moments(a, b)))
    assert np.isfinite(weight).all() and (weight[2] == 0).all()
    assert np.abs(weight[:, 1]).max() < 1e-12 and (not bias or abs(intercept[1]) < 1e-12)


def test_a_constant_feature_gets_a_zero_weight_row_beside_an_intercept():
    a, b = shifted(5, 4)
    a[:, 2] = 1e3 / 3
    weight, intercept = arrays(LeastSquares().from_moments(moments(a, b)))
    assert (weight[2] == 0).all() and np.isfinite(intercept).all()


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("p, q", WIDTHS)
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_reduced_rank_is_the_truncated_svd_of_the_fitted_values(rank, p, q, bias):
    a, b = shifted(p, q)
    weight, intercept = arrays(ReducedRank(rank, bias).from_moments(moments(a, b)))
    expected, expected_intercept = oracle.reduced_rank(a, b, rank, bias)
    assert np.allclose(weight, expected, atol=1e-9)
    assert np.linalg.matrix_rank(weight, tol=1e-9) == rank
    assert np.allclose(intercept, expected_intercept, atol=1e-8) if bias else intercept is None


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("p, q", WIDTHS)
def test_reduced_rank_residual_is_the_share_of_b_outside_the_leading_fitted_directions(p, q, bias):
    a, b = shifted(p, q)
    m = moments(a, b)
    sigma = np.linalg.svd(oracle.fitted(a, b, bias), compute_uv=False)
    for rank in (1, 2, 3):
        expected = 1 - (sigma[:rank] ** 2).sum() / (oracle.about(b, bias) ** 2).sum()
        assert float(m.residual(ReducedRank(rank, bias).from_moments(m))) == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("p, q", WIDTHS)
def test_no_map_of_the_same_rank_has_a_smaller_residual(p, q):
    a, b = shifted(p, q)
    best = arrays(ReducedRank(2, bias=False).from_moments(moments(a, b)))[0]
    least = oracle.residual(a, b, best)
    rng = np.random.default_rng(3)
    u, sigma, vt = np.linalg.svd(best)
    for scale in np.repeat([1e-3, 1e-1, 1.0], 20):
        left = u[:, :2] * sigma[:2] + scale * rng.normal(size=(p, 2))
        right = vt[:2] + scale * rng.normal(size=(2, q))
        assert oracle.residual(a, b, left @ right) > least


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("p, q", WIDTHS)
def test_reduced_rank_of_full_rank_is_least_squares(p, q, bias):
    m = moments(*shifted(p, q))
    full = LeastSquares(bias).from_moments(m).weight
    for rank in (q, q + 5):
        assert torch.allclose(ReducedRank(rank, bias).from_moments(m).weight, full, atol=1e-11)


def test_reduced_rank_recovers_a_planted_map_of_that_rank():
    rng = np.random.default_rng(4)
    a, planted = rng.normal(size=(40, 6)), rng.normal(size=(6, 2)) @ rng.normal(size=(2, 5))
    weight, intercept = arrays(ReducedRank(2).from_moments(moments(a, a @ planted + 7)))
    assert np.allclose(weight, planted, atol=1e-10) and np.allclose(intercept, 7, atol=1e-10)


def test_reduced_rank_rejects_a_rank_below_one():
    with pytest.raises(InputError, match="rank is 0; a whole number from 1"):
        ReducedRank(0)


def test_families_state_what_the_map_is_confined_to():
    assert (LeastSquares().family, LeastSquares(False).family) == ("affine", "linear")
    assert ReducedRank().family == "reduced_rank"
