"""Which layers of a target count, and the noise ceiling of every scope: functions of the target alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy import ndarray

from simbench.statistics.blocks import cells, scopes
from simbench.statistics.cells import MIN_PAIRS
from simbench.statistics.conditions import MEANS, PLAIN, conditions
from simbench.statistics.grids import Grid, Variable
from simbench.statistics.reliability import RELIABLE, ceiling, reliability

#: Values whose range is this small beside their size differ by rounding.
ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class Trust:
    """What is known of the noise of one target.

    unusable: layer -> why it does not count in the means over layers. reliability, ceiling: by scope; NaN where the
    outcomes of single inputs are not known.
    """

    unusable: dict[str, str]
    reliability: dict[str, float]
    ceiling: dict[str, float]

    def counts(self, layer: str) -> bool:
        return layer not in self.unusable


def trust(grid: Grid, y: Variable) -> Trust:
    """Reliability of a target in every scope. A layer counts where the target varies, on at least MIN_PAIRS pairs of
    networks, and is reliable (RELIABLE, on split halves of the test inputs, or as a table states it); where its
    reliability is not known, it counts."""
    at = {scope: _Part(grid, y, y.ok & inside, scope) for scope, inside in scopes(grid).items()}
    layers = {scope: part for scope, part in at.items() if scope != "pooled"}
    unusable = {layer: part.fault for layer, part in layers.items() if part.fault}
    counting = [part for layer, part in layers.items() if layer not in unusable]
    alone = {scope: part.alone for scope, part in at.items()}
    tops = {scope: ceiling(value) for scope, value in alone.items()}
    for scope, condition in MEANS.items():
        values = [part.given(condition) for part in counting]
        alone[scope] = _mean(values)
        tops[scope] = _mean([ceiling(value) for value in values])
        if np.isnan(alone[scope]) and scope in y.published:
            alone[scope], tops[scope] = y.published[scope]
    return Trust(unusable, alone, tops)


def _mean(values: list[float]) -> float:
    """Of those that are known."""
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else np.nan


@dataclass(frozen=True, eq=False)
class _Part:
    """The cells of a target in one scope."""

    grid: Grid
    y: Variable
    mask: ndarray
    scope: str

    @cached_property
    def alone(self) -> float:
        measured = reliability(self.y.halves[self.mask])
        return self.y.published.get(self.scope, (measured,))[0] if np.isnan(measured) else measured

    def given(self, condition: str) -> float:
        """NaN where the condition is not known."""
        if condition == PLAIN:
            return self.alone
        known = conditions(self.grid, np.nonzero(self.mask)[0], cells(self.grid, self.mask), ranked=True)
        return reliability(self.y.halves[self.mask], known[condition]) if condition in known else np.nan

    @property
    def fault(self) -> str:
        """Why a layer does not count, or ""."""
        pairs, values = int(self.mask.sum()), self.y.values[self.mask]
        if pairs < MIN_PAIRS:
            return f"{pairs} pairs of networks, {MIN_PAIRS} are needed"
        if constant(values):
            return "target constant"
        if self.alone < RELIABLE:
            return f"target unreliable ({self.alone:.2f})"
        return ""


def constant(values: ndarray) -> bool:
    """Whether values (n,) differ by rounding alone."""
    return bool(np.ptp(values) <= ROUNDING * np.abs(values).max())
