"""The value of an index on a pair of test representations."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from torch import Tensor

from simbench.check.data import Pair
from simbench.check.outcome import applicable, require
from simbench.check.tolerances import HOLDS, gap
from simbench.contracts import Index
from simbench.errors import Spoilt
from simbench.measuring.value import evaluate
from simbench.moments.pair import Moments


def compute(index: Index, a: Tensor, b: Tensor) -> Tensor:
    """The return value of the index for rows a (n, p), b (n, q), computed by the method that `needs` names."""
    return index.from_samples(a, b) if index.needs == "samples" else index.from_moments(Moments.of(a, b))


def value(index: Index, pair: Pair) -> float:
    """The value as a number, computed from copies of the rows. Raises Violation if it is not finite."""
    number = float(compute(index, pair.a.clone(), pair.b.clone()))
    require(abs(number) < float("inf"), f"the value is {number} ({pair.name})")
    return number


def values(index: Index, pairs: Iterable[Pair]) -> list[tuple[Pair, float]]:
    """The pairs to which the index applies, with their values. Raises Inapplicable if it applies to none."""
    return applicable(partial(value, index), pairs)


def evaluated(index: Index, a: Tensor, b: Tensor) -> float:
    """The value as `simbench.similarity` computes it: through the host, which isolates and scales the rows."""
    return float(evaluate(index, a, b)[0])


def within(index: Index, number: float, pair: Pair) -> None:
    """Require that a value lies in the claimed range."""
    low, high = index.claims.range
    require(
        index.claims.admits(number),
        f"value {number:.6g} lies outside the claimed range [{low:g}, {high:g}] ({pair.name})",
    )


def agrees(index: Index, number: float, pair: Pair) -> float:
    """The difference between a value and that of simbench.similarity. Raises Violation if it is visible.

    Returns 0 for an index that modifies its input, which simbench.similarity refuses: `inputs_untouched` reports it.
    """
    try:
        other = evaluated(index, pair.a.clone(), pair.b.clone())
    except Spoilt:
        return 0.0
    require(
        gap(number, other) <= HOLDS,
        f"simbench.similarity gives {other:.9g}, the plugin itself {number:.9g} ({pair.name})",
    )
    return gap(number, other)
