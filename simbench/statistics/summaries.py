"""One correlation as a table shows it: value, intervals, p-value, noise ceiling, and how much it rests on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from simbench.statistics.cells import Cells
from simbench.statistics.jackknife import Left, interval
from simbench.statistics.p_values import p_value

#: Fewest networks for an interval.
MIN_NETWORKS = 6


@dataclass(frozen=True, eq=False)
class Support:
    """What a correlation rests on. cells: its places. reliability, ceiling: of its target. complete: the relabelled
    replicates are all there are."""

    cells: Cells
    reliability: float
    ceiling: float
    complete: bool


@dataclass(frozen=True)
class Estimate:
    """A correlation, NaN where undefined. low, high: over networks; wide_low, wide_high: over networks and test inputs.
    reliability: of the target in the scope; ceiling: the largest correlation that an index could reach. networks,
    pairs, layers: how many it rests on; design: of the pairs. notes: why something is empty or left out."""

    value: float
    low: float
    high: float
    wide_low: float
    wide_high: float
    p_value: float
    reliability: float
    ceiling: float
    networks: int
    pairs: int
    layers: int
    design: str
    notes: tuple[str, ...]


def summary(
    value: float, left: Left | None, relabelled: ndarray | None, support: Support, notes: list[str]
) -> Estimate:
    """The estimate of a value. left: what it is where networks are left out, relabelled: where they are renamed; None
    if not wanted or undefined."""
    at, narrow, wide, p = support.cells, (np.nan, np.nan), (np.nan, np.nan), np.nan
    if left is not None and at.networks < MIN_NETWORKS:
        notes.append(f"no interval: {at.networks} networks, {MIN_NETWORKS} are needed")
    elif left is not None:
        narrow, wide = interval(left), interval(left, inputs=True)
        notes += [] if np.isfinite(narrow[0]) else ["no interval: undefined without some network"]
    if relabelled is not None:
        p = p_value(value, relabelled, support.complete)
    trusted, counts = (support.reliability, support.ceiling), (at.networks, at.pairs, at.layers)
    return Estimate(float(value), *narrow, *wide, p, *trusted, *counts, at.design, tuple(notes))
