"""What an index claims, in a few words: for `simbench list` and for pages."""

from __future__ import annotations

from collections.abc import Iterable

from simbench.contracts import INVARIANCES


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
