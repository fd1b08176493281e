"""A sample of the rows of a stream whose length is not known, drawn in one pass."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

#: Of the priorities of rows.
SEED = 0
#: The multipliers of splitmix64 (Steele et al. 2014, figure 17), and the golden ratio by which its state advances.
_GOLDEN, _FIRST, _SECOND = (np.uint64(x) for x in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


def priorities(start: int, count: int) -> np.ndarray:
    """(count,) uint64 random priorities of the rows from number `start` on: splitmix64 of the number and `SEED`. No two
    rows have the same."""
    x = (np.arange(start, start + count, dtype=np.uint64) + np.uint64(1 + (SEED << 40))) * _GOLDEN
    x = (x ^ (x >> np.uint64(30))) * _FIRST
    x = (x ^ (x >> np.uint64(27))) * _SECOND
    return x ^ (x >> np.uint64(31))


@dataclass(frozen=True, eq=False)
class Draw:
    """The rows drawn of a stream so far: those with the `most` smallest priorities, a uniform sample without
    replacement. It depends on the number of rows alone, and not on how they come in batches.

    most: None draws all. seen: rows so far. numbers: (m,) of the rows drawn, by slot. priority: (m,) of these.
    taken: (k,) places in the last batch of the rows that were drawn of it. slots: (k,) where they belong.
    """

    most: int | None
    seen: int = 0
    numbers: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    priority: np.ndarray = field(default_factory=lambda: np.empty(0, np.uint64))
    taken: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.int64))
    slots: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.int64))

    def after(self, count: int) -> Draw:
        """After a batch of so many more rows."""
        priority, places = priorities(self.seen, count), np.arange(count)
        if self.most is not None and len(self.priority) == self.most:
            places = np.flatnonzero(priority < self.priority.max(initial=0))
        every = np.concatenate([self.priority, priority[places]])
        drawn = np.arange(len(every))
        if self.most is not None and len(every) > self.most:
            drawn = np.argpartition(every, self.most - 1)[: self.most]
        old = len(self.priority)
        new = np.sort(drawn[drawn >= old])
        free = np.setdiff1d(np.arange(old), drawn)  # slots whose rows give way
        slots = np.concatenate([free, np.arange(old, old + len(new) - len(free))])
        numbers = np.concatenate([self.numbers, np.zeros(len(new) - len(free), np.int64)])
        kept = np.concatenate([self.priority, np.zeros(len(new) - len(free), np.uint64)])
        chosen = places[new - old]
        numbers[slots], kept[slots] = self.seen + chosen, every[new]
        return Draw(self.most, self.seen + count, numbers, kept, torch.from_numpy(chosen), torch.from_numpy(slots))


class Sample:
    """The rows drawn of one layer, (m, p), in the slots of a `Draw`."""

    def __init__(self) -> None:
        self._parts: list[Tensor] = []

    @property
    def nbytes(self) -> int:
        return sum(part.nbytes for part in self._parts)

    def add(self, rows: Tensor, draw: Draw) -> None:
        """Rows (k, p) that were drawn of a batch; draw: after the batch."""
        appended = len(draw.numbers) - sum(map(len, self._parts))
        replaced = len(rows) - appended
        if replaced:
            slots = draw.slots[:replaced].to(rows.device)
            self._parts = [torch.cat(self._parts)] if len(self._parts) > 1 else self._parts
            self._parts[0][slots] = rows[:replaced]
        if appended:
            self._parts.append(rows[replaced:])

    def rows(self, draw: Draw) -> Tensor:
        """All rows drawn, in the order of the stream."""
        every = self._parts[0] if len(self._parts) == 1 else torch.cat(self._parts)
        return every[torch.from_numpy(np.argsort(draw.numbers)).to(every.device)]
