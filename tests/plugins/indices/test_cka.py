"""CKA against Gram matrices, closed forms, and its three routes."""

import numpy as np
import oracle
import pytest
import torch
from paired_rows import PAIRS, correlated, rotation
from simbench_plugins.indices.cka import CKA

from simbench import InputError, Moments, similarity

CONFIGURED = [CKA(estimator, kernel) for estimator in ("biased", "debiased") for kernel in ("linear", "rbf")]
ids = {"ids": lambda value: value.spec if isinstance(value, CKA) else str(value)}


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("index", CONFIGURED, **ids)
def test_cka_is_the_ratio_of_hsics_of_gram_matrices(index, name):
    make, tolerance = PAIRS[name]
    a, b = make()
    for x, y in ((a, b), (b, a)):
        assert similarity(index, x, y) == pytest.approx(oracle.cka(x, y, index.estimator, index.kernel), abs=tolerance)


@pytest.mark.parametrize("index", CONFIGURED, **ids)
def test_cka_known_answers(index):
    for known in index.known_answers():
        assert similarity(index, known.a, known.b) == pytest.approx(known.value, abs=1e-9), known.why


def test_every_linear_cka_states_a_known_answer():
    assert CKA().known_answers() and CKA("debiased").known_answers()


def test_cka_of_planes_that_share_one_of_two_orthogonal_directions_is_one_half():
    x, y, z = np.array([[1, 1, 1, 1, -1, -1, -1, -1], [1, 1, -1, -1, 1, 1, -1, -1], [1, -1, 1, -1, 1, -1, 1, -1]])
    assert similarity("cka", np.stack([x, y], 1), np.stack([x, z], 1)) == pytest.approx(1 / 2, abs=1e-12)


def test_debiased_cka_of_orthogonal_signs_on_four_rows_is_minus_one_half():
    # Off the diagonal K and L are +1 for one pair a row and -1 for two: every row sums to -1. Then
    # h(K, L) = -4 + 16/6 - 4 = -16/3 and h(K, K) = h(L, L) = 12 + 16/6 - 4 = 32/3 (Song et al. 2012, eq. 5).
    x, y = np.array([[1.0], [1], [-1], [-1]]), np.array([[1.0], [-1], [1], [-1]])
    assert similarity("cka[estimator=debiased]", x, y) == pytest.approx(-1 / 2, abs=1e-12)


@pytest.mark.parametrize("scale", [1e-3, 1, 1e3])
def test_rbf_cka_of_two_clusters_and_a_simplex_is_one_over_root_three(scale):
    # Two pairs of equal rows, distance 1 apart: K = e + (1 - e)(same pair), e = exp(-1/2), and HKH is
    # (1 - e)/2 x x^T with x = +-1. Four rows equally far apart: HLH = (1 - e) H. So
    # tr(HKH HLH) = 2 (1 - e)^2 over 2 (1 - e) sqrt(3) (1 - e).
    clusters, simplex = scale * np.array([[0.0], [0], [1], [1]]), np.eye(4)
    assert similarity("cka[kernel=rbf]", clusters, simplex) == pytest.approx(3**-0.5, abs=1e-12)


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_debiased_hsic_is_the_u_statistic_over_quadruples(kernel):
    a, b = correlated(7, 2, 3, seed=1)
    assert similarity(CKA("debiased", kernel), a, b) == pytest.approx(oracle.cka(a, b, "quadruples", kernel), abs=1e-10)


def test_biased_cka_of_independent_rows_is_large_and_debiased_is_near_zero_and_not_clamped():
    pairs = [np.random.default_rng(seed).normal(size=(2, 40, 60)) for seed in range(20)]
    biased = [similarity("cka", a, b) for a, b in pairs]
    debiased = [similarity("cka[estimator=debiased]", a, b) for a, b in pairs]
    # E tr(KL) / (||K|| ||L||) is near p / (p + n) = 0.6; the debiased value of one pair spreads by about 0.04.
    assert np.mean(biased) == pytest.approx(0.6, abs=0.02)
    assert np.abs(debiased).max() < 0.15 and np.mean(debiased) == pytest.approx(0, abs=0.03)
    assert min(debiased) < 0


@pytest.mark.parametrize("n, p, q", [(40, 5, 8), (40, 8, 5), (12, 20, 5), (12, 5, 20), (12, 20, 30)])
def test_moments_samples_and_gram_routes_of_linear_cka_agree(n, p, q):
    a, b = (torch.from_numpy(x) for x in correlated(n, p, q, seed=2))
    index = CKA()
    expected = oracle.cka(a.numpy(), b.numpy())
    assert float(index.from_moments(Moments.of(a, b))) == pytest.approx(expected, abs=1e-12)
    assert float(index.from_samples(a, b)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("n", [10, 31])
def test_feature_and_gram_routes_of_debiased_cka_agree_on_both_sides_of_n_equal_p(n):
    a, b = correlated(n, 20, 6, seed=3)
    padded = np.concatenate([a, np.zeros((n, 40))], 1)  # wider than n: the Gram route
    first, second = (similarity("cka[estimator=debiased]", x, b) for x in (a, padded))
    assert first == pytest.approx(second, abs=1e-12)


@pytest.mark.parametrize("index", CONFIGURED, **ids)
def test_cka_ignores_rotation_scale_and_offset_of_either_side_and_not_a_stretch(index):
    a, b = correlated(30, 6, 4, seed=4)
    value = similarity(index, a, b)
    assert similarity(index, 3 * a @ rotation(6, 5) + 10, b) == pytest.approx(value, abs=1e-10)
    assert similarity(index, a, b @ rotation(4, 6) / 7 - 2) == pytest.approx(value, abs=1e-10)
    assert similarity(index, a * np.array([9, 1, 1, 1, 1, 1]), b) != pytest.approx(value, abs=1e-3)


@pytest.mark.parametrize("index", CONFIGURED, **ids)
def test_cka_is_symmetric_and_one_on_itself(index):
    a, b = correlated(30, 6, 4, seed=7)
    assert similarity(index, a, b) == pytest.approx(similarity(index, b, a), abs=1e-12)
    assert similarity(index, a, a) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("index", CONFIGURED, **ids)
@pytest.mark.parametrize("same", [False, True], ids=["a and b", "a and a"])
def test_cka_gradient_from_samples_is_finite(index, same):
    a, b = (torch.from_numpy(x) for x in correlated(20, 5, 7, seed=8))
    b = a.clone() if same else b
    a.requires_grad_()
    index.from_samples(a, b).backward()
    assert torch.isfinite(a.grad).all()
    # At a == b the biased value is at its maximum 1, where the gradient is zero.
    assert same or a.grad.abs().max() > 1e-6


@pytest.mark.parametrize("same", [False, True], ids=["a and b", "a and a"])
def test_cka_gradient_from_moments_is_finite(same):
    a, b = (torch.from_numpy(x) for x in correlated(20, 5, 7, seed=8))
    b = a.clone() if same else b
    a.requires_grad_()
    CKA().from_moments(Moments.of(a, b)).backward()
    assert torch.isfinite(a.grad).all()
    assert same or a.grad.abs().max() > 1e-6


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_cka_gradient_is_finite_where_rows_coincide(kernel):
    a, b = (torch.from_numpy(x) for x in correlated(12, 3, 4, seed=9))
    a[3], b[3] = a[2], b[2]
    a.requires_grad_()
    CKA(kernel=kernel).from_samples(a, b).backward()
    assert torch.isfinite(a.grad).all()


@pytest.mark.parametrize("estimator", ["biased", "debiased"])
@pytest.mark.parametrize("n", [5, 9])
def test_linear_cka_gradient_is_that_of_finite_differences(estimator, n):
    a, b = (torch.from_numpy(x).requires_grad_() for x in correlated(n, 4, 6, seed=10))
    index = CKA(estimator)
    assert torch.autograd.gradcheck(index.from_samples, (a, b))
    if index.needs == "moments":
        assert torch.autograd.gradcheck(lambda x, y: index.from_moments(Moments.of(x, y)), (a, b))


def test_rbf_with_coinciding_rows_is_one_clear_line():
    a = torch.zeros(20, 3)
    a[:4] = torch.randn(4, 3)
    with pytest.raises(InputError, match="median distance between rows is 0 .*use kernel=linear"):
        similarity("cka[kernel=rbf]", a, torch.randn(20, 2))


MINIBATCH = CKA("minibatch", batch=8)


def test_minibatch_cka_of_one_batch_is_debiased_cka():
    a, b = correlated(40, 6, 9, seed=11)
    for kernel in ("linear", "rbf"):
        assert similarity(CKA("minibatch", kernel), a, b) == pytest.approx(
            similarity(CKA("debiased", kernel), a, b), abs=1e-12
        )


def test_minibatch_cka_is_a_ratio_of_sums_over_batches_without_a_last_one_of_three_rows():
    a, b = correlated(27, 6, 9, seed=12)  # batches of 8, 8, 8 and 3 rows, of different scales
    a[8:16] *= 5
    parts = [tuple(oracle.linear_gram(oracle.centred(x[at : at + 8])) for x in (a, b)) for at in (0, 8, 16)]
    sums = [
        sum(oracle.hsic_quadruples(*pair) for pair in pairs)
        for pairs in (parts, [(k, k) for k, _ in parts], [(l, l) for _, l in parts])
    ]
    assert similarity(MINIBATCH, a, b) == pytest.approx(sums[0] / np.sqrt(sums[1] * sums[2]), abs=1e-12)
    assert similarity(MINIBATCH, a[:24], b[:24]) == pytest.approx(similarity(MINIBATCH, a, b), abs=1e-12)
    ratios = [oracle.cka(a[at : at + 8], b[at : at + 8], "debiased") for at in (0, 8, 16)]
    assert similarity(MINIBATCH, a, b) != pytest.approx(np.mean(ratios), abs=1e-3)


def test_inner_products_of_the_vectors_of_a_batch_are_unbiased_hsics():
    a, b = correlated(7, 2, 3, seed=1)
    f, g = (MINIBATCH.of_batch(torch.from_numpy(x)) for x in (a, b))
    k, l = (oracle.linear_gram(x) for x in (a, b))
    assert float(f @ g) == pytest.approx(oracle.hsic_quadruples(k, l), rel=1e-10)
    assert float(f @ f) == pytest.approx(oracle.hsic_quadruples(k, k), rel=1e-10)


def test_minibatch_cka_of_float32_rows_far_from_zero_keeps_six_digits():
    a, b = (x.astype(np.float32) for x in correlated(64, 2000, 900, seed=13))
    a, b = a + np.float32(5e4), b - np.float32(3e4)  # about 1e3 deviations
    value = similarity(CKA("minibatch", batch=32), a, b, view="flat")
    assert value == pytest.approx(similarity(CKA("minibatch", batch=32), a.astype(float), b.astype(float)), abs=1e-6)


@pytest.mark.parametrize("same", [False, True], ids=["a and b", "a and a"])
def test_minibatch_cka_gradient_is_finite_and_that_of_finite_differences(same):
    a, b = (torch.from_numpy(x).requires_grad_() for x in correlated(13, 3, 5, seed=8))
    if same:
        MINIBATCH.from_samples(a, a.detach().clone()).backward()
        assert torch.isfinite(a.grad).all()
    else:
        assert torch.autograd.gradcheck(MINIBATCH.from_samples, (a, b))


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: CKA(batch=64), "batch is 64 and estimator biased; batch is only for estimator=minibatch"),
        (lambda: CKA("minibatch", batch=3), "batch is 3; a whole number from 4"),
        (lambda: MINIBATCH.from_samples(torch.randn(3, 2), torch.randn(3, 2)), "no minibatch of 4 rows: 3 rows"),
    ],
)
def test_batches_that_cannot_be_are_one_clear_line(make, message):
    with pytest.raises(InputError, match=message):
        make()
