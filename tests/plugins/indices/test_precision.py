"""Rows of any precision and any scale are numbers: values are those of the same numbers in float64, of usual size."""

import numpy as np
import oracle
import pytest
import torch
from paired_rows import correlated
from simbench_plugins.indices.cca import CCA, PWCCA, SVCCA
from simbench_plugins.indices.cka import CKA
from simbench_plugins.indices.r2_lr import R2LR
from simbench_plugins.indices.reversed import Reversed
from simbench_plugins.stitchers.least_squares import LeastSquares
from simbench_plugins.stitchers.procrustes import Procrustes

from simbench import Affine, Moments, similarity

INDICES = [
    CKA(),
    CKA("debiased"),
    CKA("minibatch", batch=20),
    CKA(kernel="rbf"),
    CKA("debiased", "rbf"),
    CKA("minibatch", "rbf", batch=20),
    R2LR(),
    R2LR(centred=False),
    CCA(),
    SVCCA(),
    PWCCA(),
    Reversed(PWCCA()),
]
ids = {"ids": lambda value: getattr(value, "spec", str(value))}
#: Minibatches are multiplied in float32 at least; everything else in float64.
SINGLE, DOUBLE = 1e-6, 1e-12


def tolerance(index):
    return SINGLE if getattr(index, "estimator", "") == "minibatch" else DOUBLE


def tall():
    return correlated(60, 5, 7, seed=1)


def wide():
    """More features than rows, of few directions."""
    a, b = correlated(40, 3, 4, seed=14)
    rng = np.random.default_rng(15)
    return a @ rng.normal(size=(3, 50)), b @ rng.normal(size=(4, 45))


@pytest.mark.filterwarnings("ignore::simbench.errors.DegenerateWarning")  # float16 gives them all directions
@pytest.mark.parametrize("offset", [0, 100])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32], **ids)
@pytest.mark.parametrize("index", INDICES, **ids)
def test_values_of_coarse_rows_are_those_of_the_same_numbers_in_float64(index, dtype, offset):
    for make in (tall, wide):
        a, b = ((10 * torch.from_numpy(x) + offset).to(dtype) for x in make())
        # In float32 the same rank is cut; the rounding of a coarser rank may count as directions in float64.
        exact = [
            x.float() if "cca" in index.spec or "reversed" in index.spec or "r2" in index.spec else x.double()
            for x in (a, b)
        ]
        assert similarity(index, a, b) == pytest.approx(similarity(index, *exact), abs=tolerance(index))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], **ids)
def test_cka_of_half_precision_is_that_of_gram_matrices_in_float64(dtype):
    a, b = (torch.from_numpy(10 * x + 50).to(dtype) for x in tall())
    for estimator in ("biased", "debiased"):
        for kernel in ("linear", "rbf"):
            expected = oracle.cka(a.double().numpy(), b.double().numpy(), estimator, kernel)
            assert similarity(CKA(estimator, kernel), a, b) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32], **ids)
@pytest.mark.parametrize("mean", [10, 1000])
def test_channel_means_of_coarse_maps_are_explained_by_the_means_of_the_same_numbers(dtype, mean):
    maps = (mean + mean / 200 * torch.randn(60, 4, 8, 8, generator=torch.Generator().manual_seed(0))).to(dtype)
    exact = maps.double().mean((2, 3))
    assert similarity("r2_lr", maps, exact, view="pooled") == pytest.approx(1, abs=1e-6)
    assert similarity("r2_lr", exact, maps, view="pooled") == pytest.approx(1, abs=1e-6)


def test_minibatches_of_float16_rows_do_not_overflow():
    a, b = (torch.from_numpy(1000 * x) for x in correlated(40, 6, 5, seed=2))  # squares of 1e6, above 65,504
    value = CKA("minibatch", batch=20).from_samples(a.half(), b.half())
    assert float(value) == pytest.approx(similarity("cka[estimator=minibatch,batch=20]", a, b), abs=1e-3)
    assert CKA("minibatch").of_batch(a.half()).isfinite().all()


@pytest.mark.parametrize("scales", [(1e25, 1e-25), (1e30, 1e30), (1e-30, 1e-30), (1e37, 1e-37)], ids=str)
@pytest.mark.parametrize("index", INDICES, **ids)
def test_scales_that_float32_reaches_leave_the_value(index, scales):
    for make in (tall, wide):
        a, b = (torch.from_numpy(x).float() for x in make())
        value = similarity(index, a * scales[0], b * scales[1])
        assert value == pytest.approx(similarity(index, a, b), abs=3e-6)  # the products are rounded to float32


@pytest.mark.parametrize("scales", [(2.0**500, 2.0**-500), (2.0**-340, 2.0**-340), (2.0**1000, 2.0**990)], ids=str)
@pytest.mark.parametrize("index", INDICES, **ids)
def test_scales_that_float64_reaches_leave_the_value(index, scales):
    for make in (tall, wide):
        a, b = make()
        assert similarity(index, a * scales[0], b * scales[1]) == pytest.approx(similarity(index, a, b), abs=1e-10)


@pytest.mark.parametrize("scale", [1e-150, 1e-60, 1e60, 1e150])
def test_cka_of_moments_of_any_scale_neither_overflows_nor_vanishes(scale):
    a, b = map(torch.from_numpy, tall())
    expected = float(CKA().from_moments(Moments.of(a, b)))
    for left, right in ((scale, 1), (scale, scale), (1, scale), (scale, 1 / scale)):
        assert float(CKA().from_moments(Moments.of(a * left, b * right))) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("scale", [1e-25, 1e-30, 1e25, 1e30])
@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_sums_over_minibatches_of_extreme_float32_rows_are_those_of_usual_ones(kernel, scale):
    a, b = (torch.from_numpy(x).float() for x in tall())
    index = CKA("minibatch", kernel, batch=20)
    f, g, f1, g1 = (torch.cat([index.of_batch(part) for part in x.split(20)]) for x in (a * scale, b * scale, a, b))
    assert float(f @ g / f.norm() / g.norm()) == pytest.approx(float(f1 @ g1 / f1.norm() / g1.norm()), abs=1e-6)
    assert float(f.norm()) == pytest.approx(float(f1.norm()) * (scale**2 if kernel == "linear" else 1), rel=1e-5)


@pytest.mark.parametrize("index", [CKA("debiased"), CKA("minibatch"), CKA(kernel="rbf"), R2LR(), CCA()], **ids)
@pytest.mark.parametrize("dtype", [torch.int32, torch.uint8], **ids)
def test_whole_numbers_are_numbers_to_the_index_itself(index, dtype):
    a, b = (torch.randint(0, 99, (30, p), generator=torch.Generator().manual_seed(p)) for p in (4, 6))
    call = index.from_samples if index.needs == "samples" else lambda x, y: index.from_moments(Moments.of(x, y))
    assert float(call(a.to(dtype), b.to(dtype))) == pytest.approx(float(call(a.double(), b.double())), abs=1e-12)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], **ids)
@pytest.mark.parametrize("stitcher", [LeastSquares(), Procrustes()], **ids)
def test_stitches_of_half_precision_rows_are_those_of_the_same_numbers(stitcher, dtype):
    a, b = (torch.from_numpy(10 * x + 100).to(dtype) for x in correlated(60, 5, 5, seed=1))
    found, exact = (stitcher.from_moments(Moments.of(*rows)) for rows in ((a, b), (a.double(), b.double())))
    assert isinstance(found, Affine) and found.weight.dtype == torch.float64
    torch.testing.assert_close(found.weight, exact.weight, rtol=1e-9, atol=1e-9)
