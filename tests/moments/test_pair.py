"""Moments: streaming, closed forms, and what the indices see of them."""

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from paired_rows import correlated
from simbench_plugins.indices.cca import CCA, PWCCA, SVCCA
from simbench_plugins.indices.cka import CKA
from simbench_plugins.indices.r2_lr import R2LR

from simbench import Affine, InputError, Moments

# Well away from rank cuts, and from the borders of the SVCCA truncation.
FROM_MOMENTS = [CKA(), R2LR(), R2LR(centred=False), CCA(), CCA("rho2"), SVCCA(), SVCCA(0.8), PWCCA()]


def pair(n=60, p=5, q=7, seed=0):
    a, b = correlated(n, p, q, seed)
    return torch.from_numpy(a + np.arange(p)), torch.from_numpy(b - 2)


def parts(m):
    return {"mean_a": m.mean_a, "mean_b": m.mean_b, "aa": m.aa, "bb": m.bb, "ab": m.ab}


def assert_same(found, expected, relative=1e-10):
    assert found.n == expected.n
    for name, part in parts(expected).items():
        error = float((parts(found)[name] - part).norm())
        assert error <= relative * float(part.norm()), f"{name} differs by {error}"


def merged(batches):
    moments = [Moments.of(a, b) for a, b in batches]
    return sum(moments[1:], moments[0])


@given(st.lists(st.integers(1, 12), min_size=1, max_size=12), st.integers(0, 99), st.sampled_from([0.0, 1e3]))
@settings(max_examples=25, deadline=None)
def test_merging_batches_of_any_size_in_any_order_is_one_batch(sizes, seed, offset):
    a, b = pair(sum(sizes) + 30, seed=seed)
    a = a + offset
    batches = list(zip(a.split([30, *sizes]), b.split([30, *sizes]), strict=True))
    np.random.default_rng(seed).shuffle(batches)
    assert_same(merged(batches), Moments.of(a, b))


@given(st.integers(1, 30), st.integers(0, 99))
@settings(max_examples=15, deadline=None)
def test_index_values_do_not_depend_on_the_batches(size, seed):
    a, b = pair(seed=1)
    order = torch.from_numpy(np.random.default_rng(seed).permutation(len(a)))
    streamed = merged(zip(a[order].split(size), b[order].split(size), strict=True))
    whole, kept = Moments.of(a, b), Moments.of(a, b, keep_rows=True)
    for index in FROM_MOMENTS:
        value = float(index.from_moments(whole))
        assert float(index.from_moments(streamed)) == pytest.approx(value, rel=1e-10), index.spec
        assert float(index.from_moments(kept)) == pytest.approx(value, rel=1e-10), index.spec


def test_single_rows_merge():
    a, b = pair(20)
    assert_same(merged(zip(a.split(1), b.split(1), strict=True)), Moments.of(a, b))


def test_moments_are_centred_comoments():
    a, b = pair()
    m, centred_a, centred_b = Moments.of(a, b), a - a.mean(0), b - b.mean(0)
    assert m.n == 60 and m.degrees == 59
    assert torch.allclose(m.ab, sum(torch.outer(x, y) for x, y in zip(centred_a, centred_b, strict=True)), rtol=1e-12)
    assert torch.allclose(m.aa, centred_a.mT @ centred_a, rtol=1e-12)
    assert torch.allclose(m.bb, centred_b.mT @ centred_b, rtol=1e-12)
    assert torch.allclose(m.mean_a, a.mean(0)) and torch.allclose(m.mean_b, b.mean(0))


@pytest.mark.parametrize("keep_rows", [False, True])
def test_uncentred_moments_are_raw_products(keep_rows):
    a, b = pair()
    m = Moments.of(a, b, keep_rows).uncentred()
    for found, expected in ((m.aa, a.mT @ a), (m.bb, b.mT @ b), (m.ab, a.mT @ b)):
        assert torch.allclose(found, expected, rtol=1e-12)
    assert m.mean_a.eq(0).all() and m.degrees == 60 and m.uncentred() is m
    if keep_rows:
        assert torch.allclose(m.a.rows, a, rtol=1e-12)


@pytest.mark.parametrize("q", [3, 5, 9])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("keep_rows", [False, True])
def test_moments_through_an_affine_map_are_those_of_the_mapped_rows(q, bias, keep_rows):
    a, b = pair()
    generator = torch.Generator().manual_seed(q)
    weight = torch.randn(5, q, generator=generator, dtype=torch.float64)
    affine = Affine(weight, torch.randn(q, generator=generator, dtype=torch.float64) if bias else None)
    found, expected = Moments.of(a, b, keep_rows).through(affine), Moments.of(affine(a), b)
    assert_same(found, expected)
    for index in (CKA(), R2LR(), PWCCA()):
        assert float(index.from_moments(found)) == pytest.approx(float(index.from_moments(expected)), rel=1e-9)


def test_swapped_moments_are_those_of_b_and_a():
    a, b = pair()
    assert_same(Moments.of(a, b).swap(), Moments.of(b, a), 1e-14)


@pytest.mark.parametrize("shapes", [((5, 2), (4, 2)), ((5,), (5, 2)), ((5, 2), (5, 2, 1))])
def test_rows_that_do_not_pair_are_rejected(shapes):
    with pytest.raises(InputError) as error:
        Moments.of(*map(torch.zeros, shapes))
    assert all(str(shape) in str(error.value) for shape in shapes)


@pytest.mark.parametrize("keep_rows", [False, True])
def test_canonical_correlations_lie_between_zero_and_one_largest_first(keep_rows):
    m = Moments.of(*pair(), keep_rows)
    rho = m.correlations
    assert rho.shape == (5,) and torch.equal(rho, rho.sort(descending=True).values)
    assert rho.min() >= 0 and rho.max() <= 1
    same = Moments.of(pair()[0], 3 * pair()[0] + 1, keep_rows).correlations
    assert torch.allclose(same, torch.ones(5, dtype=torch.float64), atol=1e-10) and same.max() <= 1


@pytest.mark.parametrize("bias", [False, True])
def test_residual_is_the_relative_squared_error_of_the_mapped_rows(bias):
    a, b = pair()
    generator = torch.Generator().manual_seed(1)
    weight = torch.randn(5, 7, generator=generator, dtype=torch.float64)
    affine = Affine(weight, torch.randn(7, generator=generator, dtype=torch.float64) if bias else None)
    error = (affine(a) - b).square().sum()
    scale = (b - b.mean(0)).square().sum() if bias else b.square().sum()
    assert float(Moments.of(a, b).residual(affine)) == pytest.approx(float(error / scale), rel=1e-10)


def test_gradients_flow_through_moments():
    a, b = (x.requires_grad_() for x in pair(6, 2, 3))
    assert torch.autograd.gradcheck(lambda x, y: tuple(parts(Moments.of(x, y)).values()), (a, b))


def test_merging_leaves_both_moments_as_they_were():
    a, b = pair()
    first, second = Moments.of(a[:20], b[:20]), Moments.of(a[20:], b[20:])
    before = [part.clone() for m in (first, second) for part in parts(m).values()]
    first + second
    after = [part for m in (first, second) for part in parts(m).values()]
    assert all(map(torch.equal, before, after))


def quantised():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated
        return torch.quantize_per_tensor(torch.ones(9, 3), 0.5, 0, torch.qint8)


def masked():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a prototype
        return torch.masked.masked_tensor(torch.ones(9, 3), torch.eye(9, 3) == 0)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: np.ones((9, 3)), "rows b are a ndarray; give a torch tensor"),
        (lambda: np.ma.masked_all((9, 3)), "rows b are a MaskedArray"),
        (lambda: [[1.0, 2.0]] * 9, "rows b are a list"),
        (lambda: torch.ones(9, 3, device="meta"), "a meta tensor has no numbers"),
        (lambda: torch.eye(9, 3).to_sparse(), r"to_dense\(\)"),
        (quantised, r"dequantize\(\)"),
        (masked, "leave out rows with masked values"),
        (lambda: torch.ones(9, 3) + 1j, "rows b have dtype torch.complex64; real numbers"),
        (lambda: torch.ones(9, 3) > 0, "rows b have dtype torch.bool; real numbers"),
        (lambda: torch.ones(9, 3, 1), r"\(9, 3, 1\)"),
    ],
)
def test_moments_are_of_dense_real_rows_alone(make, said):
    with pytest.raises(InputError, match=said) as error:
        Moments.of(torch.randn(9, 2), make())
    assert "\n" not in str(error.value)


def test_no_rows_have_no_moments():
    with pytest.raises(InputError, match="the same n, from 1"):
        Moments.of(torch.zeros(0, 3), torch.zeros(0, 2))


@pytest.mark.parametrize("n", [40, 3000], ids=["at once", "block by block"])
@pytest.mark.parametrize("name", ["uint8", "int16", "int64", "uint16", "uint32", "uint64", "float16", "float8_e4m3fn"])
def test_moments_of_any_real_dtype_are_those_of_its_numbers(name, n):
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randint(0, 16, (n, p), generator=generator).to(getattr(torch, name)) for p in (3, 5))
    found, x, y = Moments.of(a, b), a.double().numpy(), b.double().numpy()
    for matrix, expected in ((found.aa, np.cov(x.T)), (found.bb, np.cov(y.T)), (found.ab, np.cov(x.T, y.T)[:3, 3:])):
        np.testing.assert_allclose(matrix, (n - 1) * expected, rtol=0, atol=1e-13 * n * 16**2)


def test_a_map_in_float32_goes_through_as_the_numbers_it_holds():
    m, affine = Moments.of(torch.randn(30, 3), torch.randn(30, 5)), Affine(torch.randn(3, 5), torch.randn(5))
    assert torch.equal(m.through(affine).ab, m.through(affine.to(torch.float64)).ab)
    assert torch.equal(m.residual(affine), m.residual(affine.to(torch.float64)))


@pytest.mark.parametrize(
    ("weight", "said"), [((2, 3, 5), "one real map"), ((5, 3), "one real map"), ((3, 1), "b has 5 features")]
)
def test_maps_of_other_sizes_have_no_residual(weight, said):
    m = Moments.of(torch.randn(30, 3), torch.randn(30, 5))
    with pytest.raises(InputError, match=said):
        m.residual(Affine(torch.ones(weight)))


def test_a_bias_does_not_move_moments_that_have_lost_their_mean():
    m = Moments.of(torch.randn(30, 3), torch.randn(30, 5)).uncentred()
    with pytest.raises(InputError, match="take the map first, then `uncentred"):
        m.through(Affine(torch.ones(3, 5), torch.ones(5)))


def test_correlations_and_variates_share_what_they_decompose(monkeypatch):
    """The value of an index does not depend on what was asked before, and one product serves both."""
    a, b = pair()
    alone = Moments.of(a, b).correlations, *Moments.of(a, b).canonical
    asked, cross = [], Moments.cross
    monkeypatch.setattr(Moments, "cross", lambda self, *bases: asked.append(bases) or cross(self, *bases))
    m, turned = Moments.of(a, b), Moments.of(a, b)
    forth, (*variates, rho) = (m.correlations, *m.canonical), (*turned.canonical, turned.correlations)
    for found in (forth, (rho, *variates)):
        assert all(map(torch.equal, found, alone))
    assert len(asked) == 2
