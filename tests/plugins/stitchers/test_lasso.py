"""Lasso stitches against scikit-learn on the rows, soft thresholding and the subgradient of the objective."""

import numpy as np
import pytest
import torch
from oracle import about
from paired_rows import PAIRS, correlated
from simbench_plugins.stitchers.lasso import Lasso, lasso_path
from simbench_plugins.stitchers.least_squares import LeastSquares
from sklearn.linear_model import Lasso as LassoOnRows

from simbench import InputError, Moments

WIDTHS = [(4, 7), (7, 4), (5, 5)]


def moments(a, b):
    return Moments.of(torch.from_numpy(a), torch.from_numpy(b))


def arrays(affine):
    return affine.weight.numpy(), None if affine.bias is None else affine.bias.numpy()


def shifted(p, q, n=50, seed=0):
    a, b = correlated(n, p, q, seed)
    return a + 1 + np.arange(p), b - 2


def least_null(a, b, bias=True):
    """The least penalty at which no weight is worth having."""
    return np.abs(about(a, bias).T @ about(b, bias)).max()


def subgradient_excess(a, b, weight, alpha, bias=True):
    """How far 0 is from the subgradient of 1/2 ||A M - B||^2 + alpha L ||M||_1, over L."""
    largest = least_null(a, b, bias)
    rows = about(a, bias)
    slope = rows.T @ (about(b, bias) - rows @ weight) / largest
    beyond = np.where(weight != 0, np.abs(slope - alpha * np.sign(weight)), np.maximum(np.abs(slope) - alpha, 0))
    return beyond.max()


def subgradient_slack(a, b, weight, alpha, bias=True):
    """What of that the algorithm allows itself, one part in 10^10 of the penalty, and rounding makes of it: of a sum of
    n products, and then of p, in any order (n + p) eps times the sum of their sizes, over L."""
    rows = about(a, bias)
    sizes = np.abs(rows).T @ (np.abs(rows) @ np.abs(weight) + np.abs(about(b, bias)))
    return 1e-10 * alpha + sum(rows.shape) * np.finfo(float).eps * sizes.max() / least_null(a, b, bias)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("p, q", WIDTHS)
@pytest.mark.parametrize("alpha", [0.5, 0.1, 0.003])
def test_lasso_is_what_scikit_learn_fits_on_the_rows_neuron_by_neuron(alpha, p, q, bias):
    a, b = shifted(p, q)
    weight, intercept = arrays(Lasso(alpha, bias).from_moments(moments(a, b)))
    absolute = alpha * least_null(a, b, bias) / len(a)
    for j in range(q):
        on_rows = LassoOnRows(absolute, fit_intercept=bias, tol=1e-13, max_iter=100_000).fit(a, b[:, j])
        assert np.allclose(weight[:, j], on_rows.coef_, atol=1e-5)
        assert ((weight[:, j] == 0) == (on_rows.coef_ == 0)).all()
        assert intercept is None if not bias else intercept[j] == pytest.approx(on_rows.intercept_, abs=1e-4)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("name", PAIRS)
def test_zero_is_in_the_subgradient_on_the_rows(name, bias):
    a, b = PAIRS[name][0]()
    # Directions below the rounding of float32 rows are left out, and with them that much of every slope.
    cut = np.sqrt(a.shape[1]) * np.finfo(np.float32).eps if a.dtype == np.float32 else 0
    for alpha, affine in zip((0.3, 0.03, 0.001), lasso_path(moments(a, b), (0.3, 0.03, 0.001), bias), strict=True):
        weight = arrays(affine)[0]
        slack = subgradient_slack(a, b, weight, alpha, bias)
        assert subgradient_excess(a, b, weight, alpha, bias) <= slack + cut


@pytest.mark.parametrize("alpha", [1e-3, 1e-6])
def test_zero_is_in_the_subgradient_where_coordinate_descent_crawls(alpha):
    a, b = PAIRS["condition 1e6"][0]()
    weight = arrays(Lasso(alpha).from_moments(moments(a, b)))[0]
    assert subgradient_excess(a, b, weight, alpha) <= subgradient_slack(a, b, weight, alpha)
    a, b = correlated(30, 40, 12, seed=3)
    a[:, 7] = 2 * a[:, 3]
    a[:, 8] = -a[:, 4]
    weight = arrays(Lasso(alpha).from_moments(moments(a, b)))[0]
    assert subgradient_excess(a, b, weight, alpha) <= subgradient_slack(a, b, weight, alpha)
    assert (np.count_nonzero(weight, axis=0) < 40).all() and np.count_nonzero(weight) > 12 * 20


def test_orthonormal_neurons_are_soft_thresholded():
    rows = np.linalg.qr(np.random.default_rng(0).normal(size=(40, 6)))[0]
    rows = np.linalg.qr(rows - rows.mean(0))[0]  # orthonormal and centred
    b = np.random.default_rng(1).normal(size=(40, 4))
    slope = rows.T @ (b - b.mean(0))
    threshold = 0.3 * np.abs(slope).max()
    expected = np.sign(slope) * np.maximum(np.abs(slope) - threshold, 0)
    weight, intercept = arrays(Lasso(0.3).from_moments(moments(rows + 2, b)))
    assert np.allclose(weight, expected, atol=1e-12) and (weight[expected == 0] == 0).all()
    assert np.allclose(intercept, b.mean(0) - 2 * expected.sum(0), atol=1e-10)


@pytest.mark.parametrize("bias", [True, False])
def test_alpha_of_one_is_the_least_at_which_all_weights_are_zero(bias):
    a, b = shifted(5, 4)
    nothing, one = lasso_path(moments(a, b), [1, 0.9999], bias)
    assert (nothing.weight == 0).all() and int((one.weight != 0).sum()) == 1
    assert not bias or np.allclose(nothing.bias.numpy(), b.mean(0))


@pytest.mark.parametrize("p, q", WIDTHS)
def test_lasso_tends_to_least_squares(p, q):
    m = moments(*shifted(p, q))
    assert torch.allclose(Lasso(1e-10).from_moments(m).weight, LeastSquares().from_moments(m).weight, atol=1e-7)


def test_lasso_minimises_equation_3_at_an_alpha_of_its_own():
    a, b = shifted(5, 7)
    rows, targets = about(a, True), about(b, True)
    weight = arrays(Lasso(0.05).from_moments(moments(a, b)))[0]
    alpha = 0.05 * least_null(a, b) / np.linalg.norm(rows @ weight - targets)

    def equation_3(m):
        return np.linalg.norm(rows @ m - targets) + alpha * np.abs(m).sum()

    rng = np.random.default_rng(2)
    for size in np.repeat([1e-4, 1e-2, 1], 50):
        step = size * rng.normal(size=weight.shape) * (rng.random(weight.shape) < 0.2)
        assert equation_3(weight + step) >= equation_3(weight)
    # and at no other: along its own ray the slope is zero
    assert equation_3(weight * 1.001) > equation_3(weight) < equation_3(weight * 0.999)


def test_alpha_has_neither_units_nor_sample_size():
    a, b = shifted(6, 4)
    weight = arrays(Lasso(0.05).from_moments(moments(a, b)))[0]
    moved = arrays(Lasso(0.05).from_moments(moments(np.tile(100 * a, (3, 1)), np.tile(0.01 * b, (3, 1)))))[0]
    assert np.allclose(moved, weight * 1e-4, rtol=1e-9, atol=0)


@pytest.mark.parametrize("bias", [True, False])
def test_a_path_is_the_maps_of_its_alphas_in_their_order(bias):
    m, alphas = moments(*shifted(6, 9)), [0.01, 0.5, 0.0003, 0.1]
    for alpha, affine in zip(alphas, lasso_path(m, alphas, bias), strict=True):
        alone = Lasso(alpha, bias).from_moments(m)
        assert torch.allclose(affine.weight, alone.weight, atol=1e-12)
        assert torch.equal(affine.weight == 0, alone.weight == 0)
        assert affine.bias is None if not bias else torch.allclose(affine.bias, alone.bias, atol=1e-10)


@pytest.mark.parametrize("bias", [True, False])
def test_dead_neurons_have_weights_of_exactly_zero(bias):
    a, b = shifted(5, 4)
    a[:, 2], b[:, 1] = 0, 0
    weight, intercept = arrays(Lasso(1e-4, bias).from_moments(moments(a, b)))
    assert (weight[2] == 0).all() and (weight[:, 1] == 0).all()
    assert np.count_nonzero(weight) == 12 and (not bias or abs(intercept[1]) < 1e-12)


def test_constant_neurons_have_weights_of_exactly_zero_beside_an_intercept():
    a, b = shifted(5, 4)
    a[:, 2], b[:, 1] = 1e3 / 3, -7.7
    weight, intercept = arrays(Lasso(1e-4).from_moments(moments(a, b)))
    assert (weight[2] == 0).all() and (weight[:, 1] == 0).all() and intercept[1] == pytest.approx(-7.7)


def test_a_constant_side_leaves_no_weight():
    a, b = shifted(5, 4)
    for pair in ((0 * a + 3, b), (a, 0 * b + 3)):
        affine = Lasso().from_moments(moments(*pair))
        assert (affine.weight == 0).all() and np.allclose(affine.bias.numpy(), pair[1].mean(0))


@pytest.mark.parametrize("bias", [True, False])
def test_loss_is_the_objective_over_the_size_of_b(bias):
    a, b = shifted(5, 4)
    stitcher, m = Lasso(0.1, bias), moments(a, b)
    affine = stitcher.from_moments(m)
    weight = arrays(affine)[0]
    rows, targets = about(a, bias), about(b, bias)
    objective = ((rows @ weight - targets) ** 2).sum() / 2 + 0.1 * least_null(a, b, bias) * np.abs(weight).sum()
    assert float(stitcher.loss(m, affine)) == pytest.approx(objective / (targets**2).sum(), rel=1e-10)


@pytest.mark.parametrize("alpha", [0, -0.1, 1.5, float("nan")])
def test_alpha_outside_0_to_1_is_refused(alpha):
    with pytest.raises(InputError, match="above 0 and at most 1"):
        Lasso(alpha)
    with pytest.raises(InputError, match="above 0 and at most 1"):
        lasso_path(moments(*shifted(3, 2)), [0.1, alpha])


def test_families_state_what_the_map_is_confined_to():
    assert (Lasso().family, Lasso(bias=False).family) == ("affine", "linear")
