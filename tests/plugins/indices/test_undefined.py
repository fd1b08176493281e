"""Where a formula divides rounding by rounding there is no number, and close to it all digits hold."""

import math
import warnings

import numpy as np
import oracle
import pytest
import torch
from paired_rows import correlated, rotation
from simbench_plugins.indices.cca import CCA, PWCCA, SVCCA
from simbench_plugins.indices.cka import CKA
from simbench_plugins.indices.r2_lr import R2LR

from simbench import DegenerateWarning, InputError, Moments, Undefined, similarity

UNBIASED = [
    CKA(estimator, kernel, **batch)
    for kernel in ("linear", "rbf")
    for estimator, batch in (("debiased", {}), ("minibatch", {"batch": 50}))
]
LINEAR = [CKA(), R2LR(), R2LR(centred=False), CCA(), CCA("rho2"), SVCCA(), SVCCA(1.0), PWCCA()]
ALL = [*UNBIASED, CKA(kernel="rbf"), *LINEAR]
ids = {"ids": lambda value: getattr(value, "spec", None) or getattr(value, "__name__", str(value))}


def one_hot(n):
    return np.eye(n)


def rotated_simplex(n):
    return 3 * np.eye(n) @ rotation(n, 1) + 7


def classes_without_a_second_row(n):
    """Collapsed classes, one row of each: n vertices of a simplex, as neural collapse leaves them."""
    return np.eye(n) - 1 / n


def all_but_one_alike(n):
    return np.eye(n)[:, :1] + 0.3 * np.ones((n, 4))


EQUIDISTANT = [one_hot, rotated_simplex, classes_without_a_second_row]


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16], **ids)
@pytest.mark.parametrize("n", [4, 24, 100])
@pytest.mark.parametrize("make", EQUIDISTANT, **ids)
@pytest.mark.parametrize("index", UNBIASED, **ids)
def test_the_unbiased_hsic_of_rows_equally_far_apart_is_zero_and_so_its_cka_undefined(index, make, n, dtype):
    # K off the diagonal is one number, which its U-centring takes away.
    apart, other = make(n).astype(dtype), correlated(n, 3, 2, seed=n)[0].astype(dtype)
    for a, b in ((apart, apart), (apart, other), (other, apart)):
        with pytest.raises(InputError, match="has no value for a and b: . has rows that are all equally far apart"):
            similarity(index, a, b)
    assert similarity(index, other, other) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("index", UNBIASED[:2], **ids)
def test_one_row_unlike_all_others_has_no_unbiased_hsic(index):
    # About the common row, K has one entry, on the diagonal, which the estimator leaves out.
    with pytest.raises(InputError, match="equally far apart"):
        similarity(index, all_but_one_alike(48), correlated(48, 3, 2)[0])


@pytest.mark.parametrize("make", EQUIDISTANT[1:], **ids)
def test_the_biased_cka_of_a_simplex_is_the_root_of_the_share_of_one_direction(make):
    # K = c H of n - 1 equal directions against one: tr(KL) / (|K| |L|) = 1 / sqrt(n - 1).
    x = correlated(24, 1, 1)[0]
    assert similarity(CKA(), make(24), x) == pytest.approx(23**-0.5, abs=1e-12)


@pytest.mark.parametrize("noise", [1e-2, 1e-5, 1e-8, 1e-10])
@pytest.mark.parametrize("estimator", ["debiased", "minibatch"])
def test_digits_hold_close_to_where_the_unbiased_hsic_is_zero(estimator, noise):
    rng = np.random.default_rng(0)
    a, b = np.eye(24) + noise * rng.normal(size=(24, 24)), rng.normal(size=(24, 7))
    # The numbers of a are rounded by 1e-16, of which the simplex leaves 1e-16 / noise.
    assert similarity(CKA(estimator), a, b) == pytest.approx(
        oracle.debiased_exactly(a, b), abs=10 * 2e-16 / noise + 1e-14
    )
    assert similarity(CKA(estimator), a, a) == pytest.approx(1, abs=1e-14)


@pytest.mark.long
def test_feature_space_and_gram_matrices_agree_on_many_rows_and_where_terms_cancel():
    n = 2100
    a, b = correlated(n, 4, 3, seed=1)
    a[5] = 3e4  # nearly all of a is one row: what is left of its HSIC is a share of 1e-8 of the terms
    for x, y in ((a, b), (b, a), (b, b[:, :2])):
        k, l = (oracle.linear_gram(oracle.centred(z)) for z in (x, y))
        k, l = (gram - np.diag(np.diag(gram)) for gram in (k, l))
        k, l = (
            gram - (gram.sum(0) + gram.sum(0)[:, None]) / (n - 2) + gram.sum() / ((n - 1) * (n - 2)) for gram in (k, l)
        )
        k, l = (gram - np.diag(np.diag(gram)) for gram in (k, l))
        expected = (k * l).sum() / np.linalg.norm(k) / np.linalg.norm(l)
        assert similarity(CKA("debiased"), x, y) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("index", ALL, **ids)
@pytest.mark.parametrize("p", [6, 40])
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in (1, 2))])
def test_the_value_of_rows_and_themselves_scaled_or_turned_has_an_arccos(index, p, seed):
    a = correlated(30, p, 2, seed=seed)[0]
    for b in (a, 2 * a, a @ rotation(p, seed), a / 3 + 1):
        for dtype in (np.float64, np.float32):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DegenerateWarning)
                value = similarity(index, a.astype(dtype), b.astype(dtype))
            assert value <= 1 and math.acos(value) < 2


@pytest.mark.parametrize("index", ALL, **ids)
def test_rows_that_differ_by_the_rounding_of_their_numbers_are_refused_in_one_line(index):
    b = correlated(48, 4, 3)[1]
    for dtype in (np.float32, np.float16):
        a = np.linspace(1, 9, 40).astype(dtype)[None].repeat(48, 0)
        a[7, :3] = np.nextafter(a[7, :3], dtype(20))  # two distinct rows, one unit in the last place apart
        for given in (a, a.astype(np.float64)) if dtype is np.float32 else (a,):
            with pytest.raises(InputError, match="a varies by no more than the rounding of its numbers"):
                similarity(index, given, b)
        with pytest.raises(InputError, match="b varies by no more"):
            similarity(index, b, a)


@pytest.mark.parametrize("index", LINEAR, **ids)
def test_moments_of_rounding_and_of_constants_are_undefined(index):
    b = torch.from_numpy(correlated(48, 4, 3)[1])
    rounded = torch.linspace(1, 9, 5).repeat(48, 1)
    rounded[7] = rounded[7].nextafter(torch.tensor(20.0))
    cases = [(torch.zeros(48, 5), "b is constant"), (rounded, "b varies by no more than the rounding")]
    for still, how in (
        cases[:1] if index.params.get("centred") is False else cases
    ):  # about zero, a constant is a number
        with pytest.raises(Undefined, match=how):
            index.from_moments(Moments.of(b, still))
        with pytest.raises(Undefined, match=how.replace("b", "a", 1)):
            index.from_moments(Moments.of(still, b))


def test_small_variation_that_is_more_than_rounding_is_measured():
    """A deviation of a hundred roundings beside the mean carries two digits of every number."""
    a, b = correlated(60, 4, 3, seed=3)
    large = (1 + 100 * np.finfo(np.float32).eps * a).astype(np.float32)
    assert similarity("cka", large, b) == pytest.approx(similarity("cka", a, b), abs=1e-3)
    assert similarity("cka", large, b) == pytest.approx(oracle.cka(large.astype(float), b), abs=1e-9)


def test_one_living_feature_beside_rounding_is_measured():
    a = np.ones((48, 5), dtype=np.float32)
    a[7, :3] = np.nextafter(a[7, :3], np.float32(2))
    a[:, 4] = correlated(48, 1, 1)[0][:, 0]
    assert similarity("cka", a, a[:, 4:]) == pytest.approx(1, abs=1e-6)


def test_three_rows_have_no_unbiased_hsic():
    with pytest.raises(InputError, match="at least 4 rows: 3 are given"):
        CKA("debiased").from_samples(torch.randn(3, 2), torch.randn(3, 2))
