"""What an index claims: for `simbench list`, which asks the index, and for pages, which read its row of methods.csv."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import inf
from typing import Any, NamedTuple

from simbench.contracts import INVARIANCES, Index


class Claimed(NamedTuple):
    """direction: 1 for a similarity, -1 for a distance. low, high: ends of its range. invariances_a, invariances_b: of
    that side alone. control: it is there to be beaten."""

    control: bool
    direction: int
    low: float
    high: float
    symmetric: bool
    invariances_a: frozenset[str]
    invariances_b: frozenset[str]
    differentiable: bool

    def words(self) -> str:
        """In a few words: symmetry and invariances, without those that others imply."""
        return words(self.control, self.symmetric, self.invariances_a, self.invariances_b)

    def in_full(self) -> dict[str, str]:
        """Each claim by its name."""
        larger = "a similarity: larger is more similar"
        return {
            "direction": larger if self.direction > 0 else "a distance: smaller is more similar",
            "range": f"{self.low:g} to {self.high:g}" if self.high < inf else f"from {self.low:g}, unbounded",
            "symmetric": "yes" if self.symmetric else "no: s(a, b) and s(b, a) differ",
            "invariances of a": least(self.invariances_a),
            "invariances of b": least(self.invariances_b),
            "differentiable": "yes" if self.differentiable else "no",
        }


def of_index(index: Index) -> Claimed:
    """Raises what code of the index raises."""
    claims = index.claims
    return Claimed(
        index.control,
        claims.direction,
        *claims.range,
        claims.symmetric,
        frozenset(claims.invariances_a),
        frozenset(claims.invariances_b),
        claims.differentiable,
    )


def of_row(row: Mapping[str, Any]) -> Claimed | None:
    """What a row of methods.csv says; None where it says nothing of claims, as the row of a stitcher."""
    import pandas as pd  # `simbench list` does without

    known = {name: row.get(name) for name in Claimed._fields}
    known = {name: value for name, value in known.items() if value is not None and not pd.isna(value)}
    if "symmetric" not in known or "direction" not in known:
        return None
    return Claimed(
        control=bool(known.get("control", False)),
        direction=int(known["direction"]),
        low=float(known.get("low", -inf)),
        high=float(known.get("high", inf)),
        symmetric=bool(known["symmetric"]),
        invariances_a=frozenset(str(known.get("invariances_a", "")).split()),
        invariances_b=frozenset(str(known.get("invariances_b", "")).split()),
        differentiable=bool(known.get("differentiable", False)),
    )


def words(control: bool, symmetric: bool, invariances_a: Iterable[str], invariances_b: Iterable[str]) -> str:
    """Symmetry and invariances, without those that others imply.

    >>> words(False, True, {"orthogonal", "permutation"}, {"orthogonal", "permutation"})
    'symmetric; orthogonal'
    """
    said = ["control"] * control + ["symmetric" if symmetric else "asymmetric"]
    sides = [least(invariances_a), least(invariances_b)]
    said += [sides[0]] if sides[0] == sides[1] else [f"{name}: {side}" for name, side in zip("ab", sides, strict=True)]
    return "; ".join(said)


def least(invariances: Iterable[str]) -> str:
    """The invariances that imply all others, "none" where there are none."""
    given = frozenset(invariances)
    implied = frozenset().union(*(INVARIANCES.get(name, frozenset()) for name in given))
    return ", ".join(sorted(given - implied)) or "none"
