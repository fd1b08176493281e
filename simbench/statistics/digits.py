"""Digits: which of them hold, and where rounding errors begin."""

from __future__ import annotations

import math
from collections.abc import Iterable

#: Significant digits that hold of what is computed without training, whatever adds up its terms in which order.
DIGITS = 9


def rounded(value: float, digits: int = DIGITS, unit: float = 0.0) -> float:
    """value to so many significant digits, and in no finer steps than the last of so many digits of `unit`, the size
    that the value is of: to so many decimals where it is 1. What cancels to almost nothing is rounding down there; 0
    says that nothing is known of the size.

    The nearest number of so many decimal digits, so what is rounded stays what it is. No negative zero; NaN and
    infinity stay.
    """
    if not math.isfinite(value) or value == 0:
        return value + 0.0
    decimals = digits - 1 - _exponent(value)
    if unit and decimals > (most := digits - _exponent(unit)):
        return round(value, most) + 0.0
    return float(f"{value:.{digits - 1}e}")


def significant(values: Iterable[float]) -> list[float]:
    """Each to DIGITS significant digits: values that differ by rounding alone become equal, and tie in rank."""
    return [rounded(float(value)) for value in values]


def _exponent(value: float) -> int:
    """Of the first digit: 0 for 1 to 9.99, -1 for 0.1 to 0.99."""
    return int(f"{value:e}".partition("e")[2])
