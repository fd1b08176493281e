"""The null distribution of an index: what it is for the same two representations when their inputs do not pair."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass

#: Values closer than this, relative where they are above 1, are equal: they differ by rounding.
_TIE = 1e-9


@dataclass(frozen=True)
class Null:
    """The value of an index, and its values for inputs of b in random orders.

    value: for the inputs as they pair. draws: for each random order. direction: of the index, +1 where larger is more
    similar. best: the most similar value that the index claims to be possible, infinite where there is none.

    Both representations stay what they are, with all their directions and their ranks; only which input of b belongs to
    which of a is random. What is left is what the index finds in any two representations of these shapes.

    >>> null = Null(0.7, (0.5, 0.6, 0.4))
    >>> round(null.mean, 3), null.p_value, round(null.calibrated, 3)
    (0.5, 0.25, 0.4)
    """

    value: float
    draws: tuple[float, ...]
    direction: int = 1
    best: float = 1.0

    @property
    def mean(self) -> float:
        """Of the draws: the value that chance gives."""
        return statistics.fmean(self.draws)

    @property
    def deviation(self) -> float:
        """Standard deviation of the draws; NaN for a single one."""
        return statistics.stdev(self.draws) if len(self.draws) > 1 else math.nan

    @property
    def p_value(self) -> float:
        """(1 + how many draws are at least as similar as the value) / (1 + their number): one-sided, and never below
        1 / (1 + their number) (Phipson and Smyth 2010). Draws that differ from the value by rounding count."""
        least = self.direction * self.value - _tie(self.value)
        return (1 + sum(self.direction * draw >= least for draw in self.draws)) / (1 + len(self.draws))

    @property
    def calibrated(self) -> float:
        """(value - mean) / (best - mean): 0 for what chance gives, 1 for the most similar value there is, negative
        below chance. NaN where chance gives the most similar value, and for an index without one."""
        room = self.best - self.mean
        if not math.isfinite(room) or abs(room) <= _tie(self.best):
            return math.nan
        return (self.value - self.mean) / room


def _tie(value: float) -> float:
    return _TIE * max(1.0, abs(value))
