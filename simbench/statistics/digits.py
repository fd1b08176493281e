"""Digits: rounding of values to their reproducible digits."""

from __future__ import annotations

import math
from collections.abc import Iterable

#: Reproducible significant digits of values computed without training, for any order of summation.
DIGITS = 9


def rounded(value: float, digits: int = DIGITS, unit: float = 0.0) -> float:
    """`value` to `digits` significant digits, in steps no finer than those of a number of the size `unit`.

    unit: the size of the terms that add up to the value; a difference of such terms has rounding errors of their size.
        With 1 the value has at most `digits` decimals; 0 says that the size is not known.

    Returns the nearest decimal number, so rounding twice changes nothing. Negative zero becomes zero; NaN and infinity
    are returned unchanged.

    >>> rounded(123.456789, digits=4), rounded(0.000123456789, digits=4), rounded(0.000123456789, digits=4, unit=1.0)
    (123.5, 0.0001235, 0.0001)
    """
    if not math.isfinite(value) or value == 0:
        return value + 0.0
    decimals = digits - 1 - _exponent(value)
    if unit and decimals > (most := digits - _exponent(unit)):
        return round(value, most) + 0.0
    return float(f"{value:.{digits - 1}e}")


def significant(values: Iterable[float]) -> list[float]:
    """Each value to DIGITS significant digits, so that values which differ by rounding errors alone tie.

    >>> significant([0.1 + 0.2, 0.3])
    [0.3, 0.3]
    """
    return [rounded(float(value)) for value in values]


def _exponent(value: float) -> int:
    """Exponent of the first digit: 0 for 1 to 9.99, -1 for 0.1 to 0.99."""
    return int(f"{value:e}".partition("e")[2])
