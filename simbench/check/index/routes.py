"""Checks that all ways to compute an index give the same value."""

from __future__ import annotations

import torch
from torch import Tensor

from simbench.check import data
from simbench.check.index.precision import HALVES, SINGLE, dtype_name
from simbench.check.index.value import agrees, evaluated, values
from simbench.check.outcome import Skip, Violation, require
from simbench.check.tolerances import HOLDS, gap
from simbench.contracts import Index
from simbench.errors import InputError, Spoilt
from simbench.measuring.value import MIN_ROWS, compare
from simbench.moments.precision import widened

#: Scales of rows that float32 can represent.
SCALES = (1e-25, 1e25)


def routes(index: Index) -> str:
    """from_moments and from_samples agree if both are implemented, and so do sums of of_batch."""
    if index.minibatches is not None:
        return _sums(index)
    if index.needs != "moments" or not index.takes_samples:
        raise Skip(f"computed from {index.needs} only")
    largest = 0.0
    for pair, number in values(index, data.regular()):
        other = float(index.from_samples(pair.a.clone(), pair.b.clone()))
        require(gap(number, other) <= HOLDS, f"from_moments gives {number:.9g}, from_samples {other:.9g} ({pair.name})")
        largest = max(largest, gap(number, other))
    return f"from_moments and from_samples differ by at most {largest:.2g}"


def similarity(index: Index) -> str:
    """simbench.similarity, which keeps the rows, gives the same value as streamed moments."""
    pairs = [*data.regular(), data.identical()]
    largest = max(agrees(index, number, pair) for pair, number in values(index, pairs))
    return f"simbench.similarity differs by at most {largest:.2g}"


def refused(index: Index) -> str:
    """simbench.similarity refuses an index that is not computed from rows."""
    pair = data.related(6, 6, seed=14)
    try:
        compare(index, pair.a, pair.b, "spatial")
    except InputError as refusal:
        return str(refusal)
    raise Violation("simbench.similarity gives a value for rows")


def _sums(index: Index) -> str:
    """The ratio of sums of `of_batch` over minibatches is the value, for rows of any precision and scale."""
    largest = 0.0
    cases = [(torch.float64, 1.0), *((dtype, 1.0) for dtype in HALVES)]
    cases += [(torch.float32, scale) for scale in (1.0, *SCALES)]
    for pair in data.regular():
        for dtype, scale in cases:
            a, b = (x.to(dtype) for x in (pair.a, pair.b))
            try:
                exact = evaluated(index, a.double(), b.double())
            except Spoilt:
                continue
            ratio = _ratio(index, *((a, b) if scale == 1 else (a * scale, b * scale)))
            require(
                gap(ratio, exact) <= SINGLE,
                f"the ratio of sums of of_batch is {ratio:.9g} for rows in {dtype_name(dtype)} times {scale:g}, "
                f"from_samples {exact:.9g} ({pair.name})",
            )
            largest = max(largest, gap(ratio, exact))
    return f"sums of of_batch over minibatches, in any precision and scale, differ by at most {largest:.2g}"


def _ratio(index: Index, a: Tensor, b: Tensor) -> float:
    """The index computed from sums over minibatches, as in `simbench.similarities`."""
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
