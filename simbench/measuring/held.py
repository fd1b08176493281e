"""Activations and states held, made when first asked for, or made at every call.

Of all that is made those are held that fit, and of these those that cost most to make again.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Hashable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import torch
from torch import Tensor

from simbench.contracts.task import Rows, take
from simbench.isolation.loans import SMALL
from simbench.system.surroundings import at_home


class Sized(Protocol):
    """A tensor, or a state of tensors."""

    @property
    def nbytes(self) -> int: ...


@dataclass
class _Kept:
    """price: seconds a byte that making it took. worth: the price, and what was given up until it was last used."""

    x: Any
    price: float
    worth: float


class Held:
    """Tensors and states by key, of at most `budget` bytes together.

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

    def __getitem__(self, key: Hashable) -> Any:
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

    def forget(self, key: Hashable) -> None:
        """Hold it no longer."""
        self._kept.pop(key, None)

    def keep(self, key: Hashable, x: Sized, seconds: float) -> None:
        """Hold what took so long to make, if it fits beside the others."""
        if self.nbytes + x.nbytes <= self.budget:
            price = seconds / max(x.nbytes, 1)
            self._kept[key] = _Kept(x, price, self._given_up + price)


@dataclass(frozen=True)
class OnDemand:
    """Activations of chosen images (m,), computed at every call."""

    make: Callable[[Tensor], Tensor]

    def __getitem__(self, chosen: Tensor) -> Tensor:
        return self.make(chosen)


class Later:
    """Activations that are made when they are first asked for, in the surroundings of the host, and of which copies are
    given."""

    def __init__(self, make: Callable[[], Rows]) -> None:
        self._rows = cache(make)

    def __getitem__(self, chosen: Tensor) -> Tensor:
        with at_home():
            rows = self._rows()
            if not isinstance(rows, Tensor):
                return rows[chosen]
            listed = isinstance(chosen, Tensor) and chosen.dtype == torch.int64 and chosen.ndim == 1
            return take(rows, chosen) if listed else rows[chosen].clone()


def shown(held: Rows, small: int = SMALL) -> Rows:
    """What a task shows of activations: large ones by the images that are asked for, as those that are computed at
    every call, so that nobody needs a copy of all."""
    return held if isinstance(held, Tensor) and held.nbytes <= small else Later(lambda: held)
