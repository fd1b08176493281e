"""Rounding keeps the digits that hold: decimal, idempotent, without a negative zero, at every size."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simbench.statistics.digits import DIGITS, rounded, significant

NUMBERS = st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False, min_value=-1e300, max_value=1e300)


def decimally(value: float, digits: int, unit: float) -> float:
    """The rule by decimal arithmetic."""
    exact = Decimal(value)
    step = exact.adjusted() - digits + 1
    if unit:
        step = max(step, Decimal(str(unit)).adjusted() - digits)
    return float(exact.quantize(Decimal(1).scaleb(step), ROUND_HALF_EVEN)) if step > -400 else value


@given(NUMBERS, st.integers(3, 12), st.sampled_from([0.0, 1.0, 2.5, 1e-7, 300.0]))
def test_rounding_is_to_the_nearest_number_of_so_many_decimal_digits(value, digits, unit):
    from decimal import localcontext

    with localcontext() as context:
        context.prec = 800
        assert rounded(value, digits, unit) == decimally(value, digits, unit)


@given(NUMBERS, st.integers(3, 12), st.sampled_from([0.0, 1.0, 1e-7]))
def test_what_is_rounded_stays_what_it_is(value, digits, unit):
    once = rounded(value, digits, unit)
    assert rounded(once, digits, unit) == once and rounded(-value, digits, unit) == -once


@pytest.mark.parametrize(
    "value, digits, unit, text",
    [
        (1 / 3, 9, 1.0, "0.333333333"),
        (200 / 3, 9, 1.0, "66.6666667"),
        (1e6 / 3, 5, 1.0, "333330.0"),
        (1.23456789e-4, 9, 1.0, "0.000123457"),
        (1.23456789e-4, 9, 0.0, "0.000123456789"),
        (-4e-17, 9, 1.0, "0.0"),
        (-0.0, 9, 1.0, "0.0"),
        (1 - 1e-13, 9, 1.0, "1.0"),
        (3.3333333333e-12, 9, 2e-7, "3.3333e-12"),
        (5e-324, 9, 1.0, "0.0"),
        (1.2345678912e308, 9, 1.0, "1.23456789e+308"),
        (9.9999999999e-13, 9, 0.0, "1e-12"),
    ],
)
def test_known_roundings(value, digits, unit, text):
    assert repr(rounded(value, digits, unit)) == text


def test_what_is_no_number_stays():
    assert math.isnan(rounded(math.nan, 9, 1.0)) and rounded(-math.inf, 9, 1.0) == -math.inf


def test_values_that_differ_by_rounding_become_equal_at_every_size():
    for size in (1e-200, 1e-9, 1.0, 1e12):
        one, other = 0.123456789123 * size, 0.123456789123 * size * (1 + 1e-13)
        assert one != other and len(set(significant([one, other]))) == 1 and DIGITS == 9
        assert len(set(significant([one, one * (1 + 1e-7)]))) == 2
