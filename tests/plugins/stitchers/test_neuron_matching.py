"""Matching of single neurons against all permutations, one regression a neuron and planted permutations."""

import itertools

import numpy as np
import oracle
import pytest
import torch
from paired_rows import PAIRS, correlated
from simbench_plugins.stitchers.neuron_matching import KINDS, Permutation, SemiMatching, assignment, correlations, mask
from sklearn.cross_decomposition import PLSRegression

from simbench import InputError, Moments

WIDTHS = [(4, 6), (6, 4), (5, 5)]
BOTH = [True, False]


def moments(a, b):
    return Moments.of(torch.from_numpy(a), torch.from_numpy(b))


def arrays(affine):
    return affine.weight.numpy(), None if affine.bias is None else affine.bias.numpy()


def shifted(p, q, seed=0):
    a, b = correlated(50, p, q, seed)
    return a * (1 + np.arange(p)) + 1 + np.arange(p), b - 2


def rho(a, b, absolute=False):
    """Correlations, sum by sum; 0 for constant neurons."""
    a, b = oracle.centred(a), oracle.centred(b)
    found = np.array(
        [
            [(x * y).sum() / np.sqrt((x * x).sum() * (y * y).sum()) if x.any() and y.any() else 0 for y in b.T]
            for x in a.T
        ]
    )
    return np.abs(found) if absolute else found


def best_permutation(scores):
    """(p, q) of 0 and 1 with the largest sum of scores, of all that match the narrower side."""
    if scores.shape[0] > scores.shape[1]:
        return best_permutation(scores.T).T
    p, q = scores.shape
    columns = max(itertools.permutations(range(q), p), key=lambda columns: sum(scores[range(p), columns]))
    chosen = np.zeros((p, q))
    chosen[range(p), columns] = 1
    return chosen


@pytest.mark.parametrize("name", PAIRS)
def test_correlations_are_pearsons_and_zero_for_constant_neurons(name):
    a, b = PAIRS[name][0]()
    tolerance = 1e-6 if "1e6 times" in name else 1e-8
    assert np.allclose(correlations(moments(a, b)).numpy(), rho(a, b), atol=tolerance)
    assert np.allclose(correlations(moments(a, b), absolute=True).numpy(), rho(a, b, True), atol=tolerance)


@pytest.mark.parametrize("absolute", BOTH)
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("p, q", WIDTHS)
def test_permutation_has_the_largest_sum_of_correlations_of_all(p, q, seed, absolute):
    a, b = shifted(p, q, seed)
    chosen = mask(moments(a, b), "permutation", absolute).numpy()
    assert (chosen == best_permutation(rho(a, b, absolute))).all()


@pytest.mark.parametrize("absolute", BOTH)
@pytest.mark.parametrize("p, q", WIDTHS)
def test_semi_matching_takes_the_most_correlated_neuron_of_a_for_each_of_b(p, q, absolute):
    a, b = shifted(p, q)
    chosen = mask(moments(a, b), "semi_matching", absolute).numpy()
    for column, scores in zip(chosen.T, rho(a, b, absolute).T, strict=True):
        assert column.tolist() == [float(score == scores.max()) for score in scores]


@pytest.mark.parametrize("absolute", BOTH)
def test_soft_mask_is_the_correlation_over_the_largest_and_negative_ones_are_zero(absolute):
    a, b = shifted(6, 4)
    soft = mask(moments(a, b), "soft_semi_matching", absolute).numpy()
    scores = rho(a, b, absolute)
    assert np.allclose(soft, np.maximum(scores, 0) / scores.max(0), atol=1e-8)
    assert ((soft == 1) == (mask(moments(a, b), "semi_matching", absolute).numpy() == 1)).all()
    assert absolute == (soft > 0).all()


def test_a_neuron_with_negative_correlations_alone_is_fed_by_none_softly():
    a = correlated(50, 3, 2)[0]
    m = moments(a, -np.abs(a[:, :1]) - a.sum(1, keepdims=True))
    assert (correlations(m) < 0).all() and (mask(m, "soft_semi_matching") == 0).all()
    assert (SemiMatching("soft").from_moments(m).weight == 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_masks_of_dead_neurons_are_finite(kind):
    a, b = shifted(5, 4)
    a[:, 2], b[:, 1] = 7.3, -1e3 / 3
    chosen = mask(moments(a, b), kind)
    assert chosen.isfinite().all() and (chosen >= 0).all() and (chosen <= 1).all()
    assert kind != "soft_semi_matching" or ((chosen[2] == 0).all() and (chosen[:, 1] == 0).all())


def test_equal_neurons_tie_whatever_the_order_of_the_rows():
    a, b = shifted(6, 4)
    a[:, 4] = 3 * a[:, 1] - 2
    b[:, 2] = a[:, 1] + 0.1 * b[:, 2]
    for order in (np.arange(50), np.arange(50)[::-1], np.random.default_rng(0).permutation(50)):
        parts = [moments(a[rows], b[rows]) for rows in np.split(order, [1, 20])]
        m = parts[0] + parts[1] + parts[2]
        assert mask(m, "semi_matching")[:, 2].tolist() == [0, 1, 0, 0, 0, 0]
        assert torch.equal(mask(m, "permutation"), mask(moments(a, b), "permutation"))


def test_an_unknown_mask_is_refused():
    with pytest.raises(InputError, match="mask 'permutations' is unknown; did you mean 'permutation'"):
        mask(moments(*shifted(3, 2)), "permutations")


def test_assignment_is_the_permutation_matrix_without_a_bias():
    m = moments(*shifted(6, 4))
    affine = assignment(m)
    assert affine.bias is None and torch.equal(affine.weight, mask(m, "permutation"))
    assert affine.weight.dtype == torch.float64 and affine.weight.sum() == 4


def regressed(a, b, chosen, bias):
    """Weights of numpy's least squares of every neuron of b on its one neuron of a."""
    weight, intercept = np.zeros(chosen.shape), b.mean(0) if bias else None
    for i, j in zip(*np.nonzero(chosen), strict=True):
        columns = np.stack([a[:, i], np.ones(len(a))], 1)[:, : 1 + bias]
        found = np.linalg.lstsq(columns, b[:, j], rcond=None)[0]
        weight[i, j] = found[0]
        if bias:
            intercept[j] = found[1]
    return weight, intercept


@pytest.mark.parametrize("bias", BOTH)
@pytest.mark.parametrize("absolute", BOTH)
@pytest.mark.parametrize("p, q", WIDTHS)
@pytest.mark.parametrize("stitcher, kind", [(Permutation, "permutation"), (SemiMatching, "semi_matching")])
def test_weights_are_one_regression_a_neuron(stitcher, kind, p, q, absolute, bias):
    a, b = shifted(p, q)
    m = moments(a, b)
    weight, intercept = arrays(stitcher(scale=True, absolute=absolute, bias=bias).from_moments(m))
    expected, expected_intercept = regressed(a, b, mask(m, kind, absolute).numpy(), bias)
    assert np.allclose(weight, expected, atol=1e-10) and ((weight != 0) == (expected != 0)).all()
    assert np.allclose(intercept, expected_intercept, atol=1e-10) if bias else intercept is None


@pytest.mark.parametrize("stitcher, kind", [(Permutation, "permutation"), (SemiMatching, "semi_matching")])
@pytest.mark.parametrize("bias", BOTH)
@pytest.mark.parametrize("p, q", WIDTHS)
def test_without_a_scale_the_weights_are_ones_or_the_signs_of_absolute_correlations(p, q, bias, stitcher, kind):
    a, b = shifted(p, q)
    b[:, ::2] *= -1
    m = moments(a, b)
    for absolute in BOTH:
        weight, intercept = arrays(stitcher(absolute=absolute, bias=bias).from_moments(m))
        chosen = mask(m, kind, absolute).numpy()
        assert (weight == (chosen * np.sign(rho(a, b)) if absolute else chosen)).all()
        assert np.allclose(a.mean(0) @ weight + intercept, b.mean(0)) if bias else intercept is None
        assert (weight < 0).any() == absolute


@pytest.mark.parametrize("bias", BOTH)
@pytest.mark.parametrize("p, q", WIDTHS)
def test_permutation_recovers_a_planted_permutation(p, q, bias):
    a = correlated(40, p, 2, seed=1)[0] + 3
    planted = np.zeros((p, q))
    rows, columns = (np.random.default_rng(width).permutation(width)[: min(p, q)] for width in (p, q))
    planted[rows, columns] = 1
    offset = np.arange(q) if bias else np.zeros(q)
    for scales, stitcher in ((1, Permutation(False, bias=bias)), (0.5 + np.arange(q), Permutation(True, bias=bias))):
        weight, intercept = arrays(stitcher.from_moments(moments(a, a @ planted * scales + offset)))
        assert np.allclose(weight, planted * scales, atol=1e-10)
        assert np.allclose(intercept, offset, atol=1e-9) if bias else intercept is None


def test_neurons_left_over_are_fed_their_mean_or_feed_nothing():
    a, b = shifted(3, 6)
    weight, intercept = arrays(Permutation().from_moments(moments(a, b)))
    left = ~weight.any(0)
    assert left.sum() == 3 and np.allclose(intercept[left], b.mean(0)[left])
    assert (arrays(Permutation().from_moments(moments(b, a)))[0].any(1)).sum() == 3


@pytest.mark.parametrize("p, q", WIDTHS)
def test_semi_matching_leaves_one_minus_the_largest_squared_correlation_of_each_neuron(p, q):
    a, b = shifted(p, q)
    m = moments(a, b)
    left = ((1 - rho(a, b, absolute=True).max(0) ** 2) * b.var(0)).sum()
    residual = float(m.residual(SemiMatching(scale=True, absolute=True).from_moments(m)))
    assert residual == pytest.approx(left / b.var(0).sum(), abs=1e-8)
    assert residual <= float(m.residual(Permutation(True, absolute=True).from_moments(m)))


@pytest.mark.parametrize("absolute", BOTH)
@pytest.mark.parametrize("p, q", WIDTHS)
def test_soft_semi_matching_without_a_scale_is_a_mean_weighted_by_correlation(p, q, absolute):
    a, b = shifted(p, q)
    weight, intercept = arrays(SemiMatching("soft", absolute=absolute).from_moments(moments(a, b)))
    shares = rho(a, b) if absolute else np.maximum(rho(a, b), 0)
    total = np.abs(shares).sum(0)
    assert np.allclose(weight, shares / np.where(total, total, 1), atol=1e-8)
    assert np.allclose(a.mean(0) @ weight + intercept, b.mean(0))


@pytest.mark.parametrize("p, q", WIDTHS)
def test_scaled_soft_semi_matching_is_a_partial_least_squares_regression_of_one_component(p, q):
    a, b = shifted(p, q)
    affine = SemiMatching("soft", True, absolute=True).from_moments(moments(a, b))
    for j in range(q):
        regression = PLSRegression(n_components=1, scale=True).fit(a, b[:, j])
        assert np.allclose(affine(torch.from_numpy(a)).numpy()[:, j], regression.predict(a).ravel(), atol=1e-7)


@pytest.mark.parametrize("bias", BOTH)
def test_dead_neurons_have_weights_of_exactly_zero(bias):
    a, b = shifted(5, 5)
    a[:, 2], b[:, 1] = 0, 0
    options = {"scale": True, "bias": bias}
    for stitcher in (Permutation(**options), SemiMatching(**options), SemiMatching("soft", **options)):
        weight, intercept = arrays(stitcher.from_moments(moments(a, b)))
        assert np.isfinite(weight).all() and (weight[2] == 0).all() and (weight[:, 1] == 0).all()
        assert not bias or abs(intercept[1]) < 1e-12


def test_neurons_that_vary_in_their_last_bit_alone_have_weights_of_exactly_zero():
    a, b = shifted(5, 5)
    last_bit = np.random.default_rng(0).integers(2, size=50)
    a[:, 2], b[:, 1] = 1e6 * (1 + 2.3e-16 * last_bit), b[:, 1] * 0 - 1e5
    m = moments(a, b)
    assert m.aa[2, 2] > 0
    for stitcher in (Permutation(True), SemiMatching("hard", True), SemiMatching("soft", True)):
        weight = arrays(stitcher.from_moments(m))[0]
        assert (weight[2] == 0).all() and (weight[:, 1] == 0).all()


def test_families_state_what_the_map_is_confined_to():
    assert (Permutation().family, Permutation(scale=True).family) == ("permutation", "scaled_permutation")
    assert (SemiMatching().family, SemiMatching(scale=True).family) == ("selection", "scaled_selection")
    assert (SemiMatching("soft").family, SemiMatching("soft", bias=False).family) == ("affine", "linear")
    assert (SemiMatching().objective, SemiMatching("soft").objective) == ("correlation", "")
