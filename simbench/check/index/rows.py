"""Checks of an index on special rows: unequal widths, constant features, few rows, and rows that it must refuse."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from simbench.check import data
from simbench.check.index.value import agrees, value, values, within
from simbench.check.outcome import Violation, require
from simbench.check.tolerances import HOLDS, gap
from simbench.contracts import Index
from simbench.errors import Inapplicable, InputError
from simbench.measuring.value import compare


def widths(index: Index) -> str:
    """Representations of different widths have a value, whichever side is wider."""
    numbers = values(index, data.regular()[1:])
    return "; ".join(f"{number:.4g} ({pair.name})" for pair, number in numbers)


def dead_features(index: Index) -> str:
    """Constant features give a finite value in the range. Their level does not matter if translation is claimed."""
    claims = index.claims
    free = ["translation" in claims.invariances_a, "translation" in claims.invariances_b]
    for level in (0.1, 1000.0):
        for pair, zero, translated in zip(data.dead(level), data.dead(0.0), (*free, all(free)), strict=True):
            number = value(index, pair)
            within(index, number, pair)
            change = gap(number, value(index, zero)) if translated else 0.0
            require(
                change <= HOLDS,
                f"claims translation, but constants at {level:g} instead of 0 change the value "
                f"by {change:.2g} ({pair.name})",
            )
    return f"constants of 0.1 and 1000 in a, b and both give values in {list(claims.range)}"


def fewer_rows(index: Index) -> str:
    """Fewer rows than features give an InputError, Inapplicable or a value in the range, never NaN.

    simbench.similarity, which uses another computation for such rows, gives the same value.
    """
    results = []
    for pair in data.few_rows():
        try:
            number = value(index, pair)
        except (InputError, Inapplicable) as refusal:
            results.append(f"refused: {refusal} ({pair.name})")
            continue
        within(index, number, pair)
        agrees(index, number, pair)
        results.append(f"{number:.4g} ({pair.name})")
    return "; ".join(results)


def bad_input(index: Index, compare: Callable[[Index, Tensor, Tensor, str], float] = compare) -> str:
    """simbench.similarity rejects NaN, infinity and different numbers of rows with an InputError."""
    pair = data.related(6, 6, seed=13)
    broken = {
        "NaN in a": (_with(pair.a, float("nan")), pair.b),
        "infinity in b": (pair.a, _with(pair.b, float("inf"))),
        "one row more in a": (pair.a, pair.b[:-1]),
    }
    for name, (a, b) in broken.items():
        try:
            number = compare(index, a, b, "spatial")
        except InputError:
            continue
        raise Violation(f"{name} is accepted and gives {number}")
    return f"{', '.join(broken)} are rejected"


def _with(x: Tensor, number: float) -> Tensor:
    """A copy of x with one entry replaced."""
    x = x.clone()
    x[3, 2] = number
    return x
