"""What numbers were measured in, what they are widened to, and powers of two that take their scale away."""

import pytest
import torch

from simbench.moments.coordinates import rounding_only
from simbench.moments.precision import exponents, measured, precision, rescaled, widened
from simbench.moments.scatter import Scatter

X = torch.randn(9, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_rows_are_measured_in_their_dtype_and_float32_numbers_stay_so_in_float64(dtype):
    assert measured(X.to(dtype)) == precision(X.to(dtype)) == torch.finfo(dtype).eps
    assert measured(X.float().double()) == torch.finfo(torch.float32).eps
    assert measured(X.half().float()) == torch.finfo(torch.float32).eps


@pytest.mark.parametrize(
    "dtype, wide",
    [
        (torch.float16, torch.float32),
        (torch.bfloat16, torch.float32),
        (torch.float8_e5m2, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
        (torch.int16, torch.float64),
    ],
)
def test_widening_keeps_every_number(dtype, wide):
    x = (10 * X).to(dtype)
    assert widened(x).dtype == wide and torch.equal(widened(x).double(), x.double())


@pytest.mark.parametrize("each", [False, True])
@pytest.mark.parametrize(
    "dtype, scale", [(torch.float32, 1e25), (torch.float32, 1e-40), (torch.float64, 1e200), (torch.float64, 1e-300)]
)
def test_rescaled_rows_are_the_same_digits_of_usual_size(dtype, scale, each):
    x = (X * scale).to(dtype)
    found = rescaled(x, each)
    assert found.dtype == dtype and 1e-7 < found.abs().max() < 1e7
    assert torch.equal((found / x).frexp().mantissa, torch.full_like(x, 0.5))


def test_each_feature_has_a_scale_of_its_own_and_usual_rows_are_left_alone():
    x = X * torch.tensor([1e150, 1, 1e-150, 0], dtype=torch.float64)
    found = rescaled(x, each=True)
    assert found[:, :3].abs().amax(0).log10().abs().max() < 7 and found[:, 3].eq(0).all()
    assert torch.equal(found[:, 1], X[:, 1])
    assert rescaled(X) is X and not exponents(X * float("nan")).any()


@pytest.mark.parametrize("strange", [float("nan"), float("inf"), -float("inf")])
def test_features_that_are_not_finite_do_not_count_in_the_scale_of_all(strange):
    x = X * 2.0**100
    x[1, 0] = strange
    assert exponents(x) == exponents(x[:, 1:]) > 90


@pytest.mark.parametrize(
    "dtype, ulps, still",
    [
        (torch.float32, 1, True),
        (torch.float32, 100, False),
        (torch.float16, 1, True),
        (torch.float16, 10, False),
        (torch.bfloat16, 1, True),
        (torch.bfloat16, 10, False),
    ],
)
@pytest.mark.parametrize("scale", [1.0, 2.0**40, 2.0**-20])
def test_features_that_move_between_neighbouring_numbers_are_rounding(dtype, ulps, still, scale):
    """Half of the rows are so many units in the last place above the others."""
    scale = scale if dtype != torch.float16 else min(max(scale, 2.0**-4), 2.0**4)
    x = torch.ones(10, 3, dtype=torch.float64) * torch.tensor([1.0, -1.25, 1.5])
    x[::2] += ulps * torch.finfo(dtype).eps
    x = (x * scale).to(dtype)
    assert len(x.unique(dim=0)) == 2
    assert rounding_only(x) == Scatter.of(x).rounding == Scatter.of(x, keep_rows=True).rounding == still
    x[:, 2] = X.repeat(2, 1)[:10, 0].to(dtype)
    assert not rounding_only(x) and not Scatter.of(x).rounding


def test_float64_rows_of_extreme_scale_are_no_rounding():
    for scale in (1e-300, 1e300):
        assert not rounding_only(X * scale)
