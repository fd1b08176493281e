"""What is held of all activations: what fits, and of that what costs most to make again."""

from __future__ import annotations

from collections.abc import Container, Hashable, Iterator
from dataclasses import dataclass

from torch import Tensor


@dataclass
class _Kept:
    """price: seconds a byte that making it took. worth: the price, and what was given up until it was last used."""

    x: Tensor
    price: float
    worth: float


class Held:
    """Tensors by key, of at most `budget` bytes together.

    Where one more does not fit in, those are forgotten that cost least to make again for their size; what has not been
    used for long counts for less (GreedyDual-Size, Cao and Irani 1997), and of equals the one unused for longest goes.
    """

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self._kept: dict[Hashable, _Kept] = {}
        self._given_up = 0.0

    def __contains__(self, key: Hashable) -> bool:
        return key in self._kept

    def __iter__(self) -> Iterator[Hashable]:
        return iter(self._kept)

    def __getitem__(self, key: Hashable) -> Tensor:
        """KeyError for what is not held."""
        kept = self._kept[key] = self._kept.pop(key)  # the last of equals
        kept.worth = self._given_up + kept.price
        return kept.x

    @property
    def nbytes(self) -> int:
        """Of all together."""
        return sum(kept.x.nbytes for kept in self._kept.values())

    def make_room(self, size: int, spared: Container[Hashable] = ()) -> None:
        """Forget until `size` bytes fit in, but for the spared ones; nothing where they never will."""
        if size > self.budget:
            return
        cheapest = sorted((key for key in self._kept if key not in spared), key=lambda key: self._kept[key].worth)
        while cheapest and self.nbytes + size > self.budget:
            self._given_up = self._kept.pop(cheapest.pop(0)).worth

    def keep(self, key: Hashable, x: Tensor, seconds: float) -> None:
        """Hold what took so long to make, if it fits beside the others."""
        if self.nbytes + x.nbytes <= self.budget:
            price = seconds / max(x.nbytes, 1)
            self._kept[key] = _Kept(x, price, self._given_up + price)
