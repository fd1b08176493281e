"""Designs: which pairs of networks are measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import TypeVar

from simbench.errors import InputError
from simbench.system.provenance import digest

Item = TypeVar("Item")
ALLOWED = "allowed: all, or balanced:K for K fronts per end, such as balanced:4"


@dataclass(frozen=True)
class Design:
    """Which ordered pairs of the networks at a layer are measured.

    fronts: how many fronts each end has, and how many ends each front; None: every other network.
    """

    fronts: int | None = None

    @classmethod
    def of(cls, text: str) -> Design:
        """The design that a text names. Raises InputError for any other text.

        >>> Design.of("balanced:4").fronts
        4
        >>> print(Design.of("all"))
        all
        """
        name, _, count = text.strip().partition(":")
        if name == "all" and not count:
            return cls()
        if name == "balanced" and count.isascii() and count.isdecimal() and int(count):
            return cls(int(count))
        raise InputError(f"--pairs is {text!r}; {ALLOWED}")

    def __str__(self) -> str:
        return "all" if self.fronts is None else f"balanced:{self.fronts}"

    def pairs(self, typed: Sequence[Item], names: Sequence[str], seed: int) -> Iterator[tuple[Item, Item]]:
        """The ordered pairs of some items. `all`: in the order in which they are given. `balanced`: the items stand in
        a ring whose order is drawn with the seed from their names, whatever their order here, and each is the front of
        those that follow it by `offsets`.

        Raises InputError where there are not more items than `fronts`; a single one has no pairs.
        """
        if self.fronts is None or len(typed) < 2:
            yield from permutations(typed, 2)
            return
        if self.fronts >= len(typed):
            raise InputError(
                f"--pairs is {self}, and there are {len(typed)} networks; allowed: all, or balanced:1 to "
                f"balanced:{len(typed) - 1}; or ask for more networks with --seeds"
            )
        drawn = sorted(range(len(typed)), key=lambda at: digest([seed, names[at]]))
        ring = [typed[at] for at in drawn]
        for offset in offsets(len(ring), self.fronts):
            yield from ((front, ring[(at + offset) % len(ring)]) for at, front in enumerate(ring))


def offsets(size: int, count: int) -> tuple[int, ...]:
    """The first `count` offsets of a circulant design on a ring of `size` networks, 1 <= count < size.

    Each is the one that makes the fewest networks share an end with others that do already: two fronts share an end for
    each two offsets that differ by their distance in the ring. Of equal ones the smallest is taken. An offset d goes
    before size - d, which holds the same networks in exchanged roles, as long as there are others.

    >>> offsets(20, 6)
    (1, 2, 4, 8, 13, 3)
    """
    chosen: list[int] = []
    shared: Counter[int] = Counter()  # distance in the ring -> pairs of offsets that differ by it
    while len(chosen) < count:
        best = min(
            (d for d in range(1, size) if d not in chosen),
            key=lambda d: (
                (size - d) in chosen or 2 * d == size,
                sum(shared[(d - other) % size] + shared[(other - d) % size] for other in chosen),
                d,
            ),
        )
        for other in chosen:
            shared.update([(best - other) % size, (other - best) % size])
        chosen.append(best)
    return tuple(chosen)
