"""Simulated two-way data of pairs of networks, whose true correlations are known in closed form.

Every variable is the sum of an effect of the front network, of the end network, and of the pair, the last correlated
between (a, b) and (b, a). An index and a target correlate by the same number in each of the three, so Pearson's
correlation of the population is that number, Spearman's is 6 / pi asin(r / 2), and the partial one given the end
network follows from the share of the variance that the end has.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from simbench.statistics.grids import Grid, Variable

#: Offsets from front to end of a circulant design.
OFFSETS = (1, 4, 7, 2, 9, 11)


@dataclass(frozen=True)
class Effects:
    """Standard deviations of the effects of front, end and pair, and the correlation of a pair with its reciprocal."""

    front: float
    end: float
    pair: float
    reciprocal: float

    @property
    def end_share(self) -> float:
        return self.end**2 / (self.front**2 + self.end**2 + self.pair**2)

    def draw(self, rng: np.random.Generator, networks: int, a: ndarray, b: ndarray, layers: int) -> ndarray:
        """(pairs, layers); an effect of a network is half its own and half of the network in one layer."""

        def network() -> ndarray:
            return (rng.standard_normal((networks, 1)) + rng.standard_normal((networks, layers))) / math.sqrt(2)

        own, shared = rng.standard_normal((2, networks, networks, layers))
        both = (shared + shared.transpose(1, 0, 2)) / math.sqrt(2)
        pair = math.sqrt(1 - self.reciprocal) * own + math.sqrt(self.reciprocal) * both
        return self.front * network()[a] + self.end * network()[b] + self.pair * pair[a, b]


SETS = {
    "pair noise": Effects(0.5, 0.8, 0.6, 0.3),
    "network effects": Effects(0.5, 0.9, 0.3, 0.3),
    "front heavy": Effects(0.9, 0.9, 0.3, 0.0),
    "pure dyads": Effects(0.1, 0.1, 1.0, 0.0),
}
#: The share of the variance of a target that is common to all stitchers.
COMMON = 0.7


def design(networks: int, fronts: int | None) -> list[tuple[int, int]]:
    """All ordered pairs for None, else every network with `fronts` fronts, balanced."""
    pairs = [(a, b) for a in range(networks) for b in range(networks) if a != b]
    if fronts is None:
        return pairs
    steps = OFFSETS if networks > max(OFFSETS) else tuple(range(1, networks))
    return [(a, b) for a, b in pairs if (b - a) % networks in steps[:fronts]]


def simulated(
    seed: int, effects: Effects, networks: int, pairs: list[tuple[int, int]], r: tuple[float, ...], layers: int = 2
) -> Grid:
    """Indices that correlate by r (Pearson) with each of three targets, and share noise with each other."""
    rng = np.random.default_rng(seed)
    a, b = np.array(pairs).T

    def draw() -> ndarray:
        return effects.draw(rng, networks, a, b, layers)

    common, shared = draw(), draw()
    targets = [math.sqrt(COMMON) * common + math.sqrt(1 - COMMON) * draw() for _ in range(3)]
    indices = []
    for value in r:
        with_common = value / math.sqrt(COMMON)
        indices.append(with_common * common + math.sqrt(1 - with_common**2) * (0.6 * shared + 0.8 * draw()))
    return grid(pairs, indices, targets)


def grid(pairs: list[tuple[int, int]], indices: list[ndarray], targets: list[ndarray]) -> Grid:
    """Of values (pairs, layers) that are all ok."""
    shape = targets[0].shape
    ok, images, halves = np.full(shape, "ok", dtype=object), np.full(shape, 1), np.full((*shape, 0, 2), np.nan)
    names = [f"l{i}" for i in range(shape[1])]
    found = [
        [Variable((f"{kind}{i}", "", kind), values, ok, images, halves) for i, values in enumerate(some)]
        for kind, some in (("x", indices), ("y", targets))
    ]
    unknown = np.full((len(pairs), 2), np.nan)
    return Grid(("d", "e", "m", "m", ""), [(f"{a:02}", f"{b:02}") for a, b in pairs], names, *found, unknown)


def spearman(r: float) -> float:
    """Spearman's correlation of two normal variables of Pearson's correlation r.

    Source: Pearson, "On further methods of determining correlation" (1907).
    """
    return 6 / math.pi * math.asin(r / 2)


def spearman_given_end(r: float, share: float) -> float:
    """The correlation of their ranks less the mean ranks of each end network, which has `share` of the variances: two
    pairs that share only the end correlate by r * share."""
    return (math.asin(r / 2) - math.asin(r * share / 2)) / (math.asin(1 / 2) - math.asin(share / 2))
