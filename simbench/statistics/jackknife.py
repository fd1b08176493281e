"""Standard errors of statistics of pairs of networks, by leaving out one network, and one pair, at a time.

Pairs that share a network are not independent. The jackknife over networks takes that into account, but counts what is
peculiar to a pair twice, because a pair is left out with either of its networks. The jackknife over pairs measures just
that, and is subtracted:

    variance = (n - 1) / n sum_i (t_-i - mean)^2 - (m - 1) / m sum_p (t_-p - mean)^2

with t_-i the statistic without network i of n, and t_-p without pair p of m. Less than half of the first term is never
taken. In simulated two-way data of 8 to 24 networks, intervals from the first term alone cover too much (0.98 where
0.95 is asked) and from the bootstrap over networks more still; benchmarks/README.md has the table.

Sources: Efron and Stein, "The jackknife estimate of variance" (1981); Cameron, Gelbach and Miller, "Robust inference
with multiway clustering" (2011), equation 2.6, for the subtraction; Fisher, "On the probable error of a coefficient of
correlation" (1921), for z.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy import ndarray
from scipy.special import stdtr, stdtrit

#: Confidence level of intervals.
LEVEL = 0.95
#: A correlation of 1 has no z: those nearer to 1 than this are taken for it.
_EDGE = 1 - 1e-9


@dataclass(frozen=True, eq=False)
class Left:
    """A statistic with what it is where something is left out.

    value: 0-dim or (...). networks: (..., n) without each network; sides: how many of these are fronts and how many are
    ends, (n,) where both sides are of one model. pairs: (..., m) without each pair. halves: (..., S, 2) with the target
    measured on either half of the test inputs, for S splits; empty where that is not known.
    """

    value: ndarray
    networks: ndarray
    pairs: ndarray
    sides: tuple[int, ...]
    halves: ndarray

    @property
    def _arrays(self) -> tuple[ndarray, ndarray, ndarray, ndarray]:
        return self.value, self.networks, self.pairs, self.halves

    @classmethod
    def _of(cls, arrays: Iterable[ndarray], sides: tuple[int, ...]) -> Left:
        value, networks, pairs, halves = arrays
        return cls(value, networks, pairs, sides, halves)

    def __sub__(self, other: Left) -> Left:
        return self._of((mine - its for mine, its in zip(self._arrays, other._arrays, strict=True)), self.sides)

    @classmethod
    def mean(cls, parts: list[Left]) -> Left:
        """Of statistics of the same networks."""
        everything = zip(*(part._arrays for part in parts), strict=True)
        return cls._of((np.mean(arrays, axis=0) for arrays in everything), parts[0].sides)

    @property
    def z(self) -> Left:
        """Fisher's z of correlations."""
        return self._of((np.arctanh(np.clip(x, -_EDGE, _EDGE)) for x in self._arrays), self.sides)

    @property
    def variance(self) -> ndarray:
        """(...); NaN where a value is undefined."""
        ends = np.cumsum(self.sides)
        whole = sum(_spread(self.networks[..., end - n : end]) for end, n in zip(ends, self.sides, strict=True))
        return np.maximum(whole - _spread(self.pairs), whole / 2)

    @property
    def of_inputs(self) -> ndarray:
        """(...) variance of the value over test inputs: a quarter of the mean square of the difference between halves,
        because either half has twice the variance of the whole. NaN where halves are not known."""
        if not self.halves.size:
            return np.full(self.value.shape, np.nan)
        return np.square(self.halves[..., 0] - self.halves[..., 1]).mean(axis=-1) / 4

    @property
    def freedom(self) -> int:
        """Degrees of freedom of the variance."""
        return min(self.sides) - 1


def _spread(left: ndarray) -> ndarray:
    n = left.shape[-1]
    return (n - 1) / n * np.square(left - left.mean(axis=-1, keepdims=True)).sum(axis=-1)


def interval(left: Left, level: float = LEVEL, inputs: bool = False) -> tuple[float, float]:
    """Interval of a correlation over networks, by Student's t on the scale of Fisher's z; over networks and the test
    inputs of the target where `inputs`. NaN where it is undefined."""
    z = left.z
    reach = np.sqrt(z.variance + (z.of_inputs if inputs else 0)) * stdtrit(z.freedom, (1 + level) / 2)
    if not np.isfinite(reach):
        return np.nan, np.nan
    return float(np.tanh(z.value - reach)), float(np.tanh(z.value + reach))


def difference(left: Left, level: float = LEVEL) -> tuple[float, float, float]:
    """Interval of a difference of two correlations, and the two-sided p-value of its being 0, by Student's t. Without
    any spread, as of an index compared with itself, the p-value is 1."""
    error = np.sqrt(left.variance)
    if not np.isfinite(error):
        return np.nan, np.nan, np.nan
    reach = error * stdtrit(left.freedom, (1 + level) / 2)
    p = 2 * stdtr(left.freedom, -np.abs(left.value) / error) if error > 1e-12 else float(abs(left.value) < 1e-12)
    return float(left.value - reach), float(left.value + reach), float(p)
