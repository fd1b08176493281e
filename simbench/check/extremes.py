"""Checks of an index at the borders of arithmetic: coarse numbers, minibatches, and formulas that divide nothing."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from simbench.check import data
from simbench.check.outcome import require
from simbench.check.values import gap
from simbench.contracts import Index
from simbench.errors import Inapplicable, InputError, Spoilt, Undefined
from simbench.measuring.evaluate import evaluate
from simbench.measuring.value import MIN_ROWS
from simbench.moments.precision import widened

#: What products in float32 may cost.
SINGLE = 1e-5
HALVES = (torch.bfloat16, torch.float16)
#: Scales that rows of float32 reach.
SCALES = (1e-25, 1e25)


def halves(index: Index) -> float:
    """Require that rows in half precision give what the same numbers give in float64; the largest difference."""
    largest = 0.0
    for dtype in HALVES:
        for pair in data.regular():
            a, b = (x.to(dtype) for x in (pair.a, pair.b))
            try:
                found, exact = (float(evaluate(index, *sides)[0]) for sides in ((a, b), (a.double(), b.double())))
            except (Inapplicable, Spoilt):  # of one that changes its rows another check speaks
                continue
            require(
                gap(found, exact) <= SINGLE,
                f"rows in {_name(dtype)} give {found:.9g}, the same in float64 "
                f"{exact:.9g} ({pair.name}): widen them before they are multiplied",
            )
            largest = max(largest, gap(found, exact))
    return largest


def sums(index: Index) -> str:
    """The ratio of sums of `of_batch` over minibatches is the value, for rows of any precision and scale."""
    largest = 0.0
    for pair in data.regular():
        for dtype, scale in [
            (torch.float64, 1.0),
            *((dtype, 1.0) for dtype in HALVES),
            *((torch.float32, scale) for scale in (1.0, *SCALES)),
        ]:
            a, b = (x.to(dtype) for x in (pair.a, pair.b))
            try:
                exact = float(evaluate(index, a.double(), b.double())[0])
            except Spoilt:
                continue
            found = _ratio(index, *((a, b) if scale == 1 else (a * scale, b * scale)))
            require(
                gap(found, exact) <= SINGLE,
                f"the ratio of sums of of_batch is {found:.9g} for rows in {_name(dtype)} times {scale:g}, "
                f"from_samples {exact:.9g} ({pair.name})",
            )
            largest = max(largest, gap(found, exact))
    return f"sums of of_batch over minibatches, in any precision and scale, differ by at most {largest:.2g}"


def _ratio(index: Index, a: Tensor, b: Tensor) -> float:
    """The index as `simbench.similarities` sums it."""
    f, g = (
        torch.cat(
            [
                index.of_batch(part if index.any_precision else widened(part))
                for part in x.split(index.minibatches)
                if len(part) >= MIN_ROWS
            ]
        )
        for x in (a, b)
    )
    return float(f @ g / f.norm() / g.norm())


def apart(index: Index, identical: float) -> str:
    """Rows that are all equally far apart, of which an unbiased estimator knows nothing, are as similar to themselves
    as any others, and none is more similar to others; or they are refused, Undefined, InputError or Inapplicable."""
    rows = data.equidistant()
    other = data.related(rows.shape[1], rows.shape[1], n=len(rows), seed=31).a
    turned = rows @ data.rotation(data.seeded(30), rows.shape[1])
    own = [_unless_refused(lambda: float(evaluate(index, x, x.clone())[0])) for x in (rows, turned)]
    require(
        all(x is None or gap(x, identical) <= 1e-6 for x in own),
        f"s(a, a) is {own[0]} where all rows are equally far apart, and {own[1]} with these rotated: raise "
        "Undefined where the formula divides rounding by rounding",
    )
    crossed = [_unless_refused(lambda: float(evaluate(index, other, x)[0])) for x in (rows, turned)]
    require(
        all(x is None or math.isfinite(x) for x in crossed),
        f"s(a, b) is {crossed[0]} where all rows of b are equally far apart; raise Undefined",
    )
    if index.claims.differentiable and "orthogonal" in index.claims.invariances_b:
        require(
            crossed[0] == crossed[1] or (None not in crossed and gap(*crossed) <= 1e-8),
            f"s(a, b) is {crossed[0]} where all rows of b are equally far apart, and {crossed[1]} with these "
            "rotated: raise Undefined where the formula divides rounding by rounding",
        )
    return "no value" if own[0] is None else f"{own[0]:.9g}"


def _unless_refused(call: Callable[[], float]) -> float | None:
    try:
        return call()
    except (Undefined, InputError, Inapplicable, Spoilt):
        return None


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
