"""A cache of activations and states of limited size, and activations that are computed on demand.

If not everything fits, the cache keeps what costs most to compute again per byte.
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
    """price: seconds per byte that computing it took. worth: the price, plus the worth of the entry that had been
    evicted last when this one was last used."""

    x: Any
    price: float
    worth: float


class Held:
    """A cache of tensors and states by key, of at most `budget` bytes in total.

    If a new entry does not fit, the entries that cost least to compute again per byte are evicted. Entries that have
    not been used for long lose worth (GreedyDual-Size, Cao and Irani 1997). Among equals, the least recently used is
    evicted.
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
        """The entry of a key. Raises KeyError if it is not in the cache."""
        kept = self._kept[key] = self._kept.pop(key)  # now the most recently used
        kept.worth = self._given_up + kept.price
        return kept.x

    @property
    def nbytes(self) -> int:
        """Size of all entries in bytes."""
        return sum(kept.x.nbytes for kept in self._kept.values())

    def make_room(self, size: int, spared: Container[Hashable] = ()) -> None:
        """Evict entries, except the spared ones, until `size` bytes fit. Does nothing if `size` exceeds the budget."""
        if size > self.budget:
            return
        cheapest = sorted((key for key in self._kept if key not in spared), key=lambda key: self._kept[key].worth)
        while cheapest and self.nbytes + size > self.budget:
            self._given_up = self._kept.pop(cheapest.pop(0)).worth

    def forget(self, key: Hashable) -> None:
        """Remove the entry of a key, if there is one."""
        self._kept.pop(key, None)

    def keep(self, key: Hashable, x: Sized, seconds: float) -> None:
        """Add an entry that took `seconds` to compute, if it fits beside the others."""
        if self.nbytes + x.nbytes <= self.budget:
            price = seconds / max(x.nbytes, 1)
            self._kept[key] = _Kept(x, price, self._given_up + price)


@dataclass(frozen=True)
class OnDemand:
    """Activations of chosen images (m,), computed at every access."""

    make: Callable[[Tensor], Tensor]

    def __getitem__(self, chosen: Tensor) -> Tensor:
        return self.make(chosen)


class Later:
    """Activations that are computed at the first access, with the settings of the host. Each access returns a copy."""

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
    """The activations of a task as a plugin sees them: a tensor of at most `small` bytes as it is. A larger one returns
    copies of the images that are indexed, so that no copy of the whole tensor is needed."""
    return held if isinstance(held, Tensor) and held.nbytes <= small else Later(lambda: held)
