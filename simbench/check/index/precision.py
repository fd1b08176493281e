"""Checks of the sensitivity of an index to rounding: low precision, large offsets, and the order of summation."""

from __future__ import annotations

import torch

from simbench.check import data
from simbench.check.index.value import compute, evaluated, values
from simbench.check.outcome import Skip, require
from simbench.check.roundings import roundings
from simbench.check.tolerances import EXACT, gap
from simbench.contracts import Index
from simbench.errors import Inapplicable, Spoilt

#: With means of about 1000 standard deviations, float32 has errors of about 1e-5 if rows are not centred first, and of
#: about 1e-7 if they are. 1e-6 separates the two on any processor.
FLOAT32, OFFSET = 1e-6, 1000.0
#: Largest error allowed for products in float32.
SINGLE = 1e-5
HALVES = (torch.bfloat16, torch.float16)


def float32(index: Index) -> str:
    """Float32 rows with large means, and rows in half precision, give the value of the same numbers in float64."""
    largest = 0.0
    for pair in data.regular():
        a, b = ((x + OFFSET).to(torch.float32) for x in (pair.a, pair.b))
        try:
            single, double = float(compute(index, a, b)), float(compute(index, a.double(), b.double()))
        except Inapplicable:
            continue
        require(
            gap(single, double) <= FLOAT32,
            f"float32 rows give {single:.9g}, the same in float64 {double:.9g} "
            f"({pair.name}, means at {OFFSET:g}): compute in float64",
        )
        largest = max(largest, gap(single, double))
    return (
        f"float32 rows differ from float64 by at most {largest:.2g}, rows in half precision by at most "
        f"{_halves(index):.2g}"
    )


def _halves(index: Index) -> float:
    """Require that rows in half precision give the value of the same numbers in float64. Returns the largest
    difference."""
    largest = 0.0
    for dtype in HALVES:
        for pair in data.regular():
            a, b = (x.to(dtype) for x in (pair.a, pair.b))
            try:
                coarse, exact = evaluated(index, a, b), evaluated(index, a.double(), b.double())
            except (Inapplicable, Spoilt):  # `inputs_untouched` reports an index that changes its rows
                continue
            require(
                gap(coarse, exact) <= SINGLE,
                f"rows in {dtype_name(dtype)} give {coarse:.9g}, the same in float64 "
                f"{exact:.9g} ({pair.name}): widen them before they are multiplied",
            )
            largest = max(largest, gap(coarse, exact))
    return largest


def merge_order(index: Index) -> str:
    """The order in which batches are merged and the rounding of moments do not change the value, not even of singular
    data."""
    if index.needs != "moments":
        raise Skip("computed from samples")
    largest = 0.0
    for pair, _ in values(index, [*data.regular(), data.noisy(0), data.duplicated()]):
        numbers = torch.tensor([float(index.from_moments(m)) for m in roundings(pair)], dtype=torch.float64)
        change = gap(numbers.amin(), numbers.amax())
        require(
            change <= EXACT,
            "batches merged in another order, or the last bits of the moments, change the value "
            f"by {change:.2g} ({pair.name})",
        )
        largest = max(largest, change)
    return f"other orders of the batches and other last bits change the value by at most {largest:.2g}"


def dtype_name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
