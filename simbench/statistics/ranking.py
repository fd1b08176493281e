"""What a leaderboard ranks by: correlations of one target in one scope, of each stitcher and of their mean."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from simbench import columns
from simbench.columns import COMPARISONS, GROUP, INDEX, dtypes
from simbench.statistics.beside import INDEX_KEY
from simbench.statistics.comparisons import Difference, differences
from simbench.statistics.correlate import Correlations
from simbench.statistics.grids import controls
from simbench.statistics.jackknife import Left
from simbench.statistics.notes import SATURATED

#: Part of the pairs of the most complete stitcher that another must have to enter the mean.
COMPLETE = 0.9
#: Columns that name a stitcher.
STITCHER = ["stitcher", "stitcher_params"]


@dataclass(eq=False)
class Ranking:
    """Correlations with one target in one scope.

    used: group -> the stitchers (name, parameters) that its mean is over.
    """

    correlations: Correlations
    methods: pd.DataFrame
    target: str
    scope: str
    used: dict[tuple[str, ...], list[tuple[str, str]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._controls = {kind: controls(self.methods, kind) for kind in (INDEX, columns.STITCHER)}

    def is_control(self, kind: str, name: str, params: str) -> bool:
        return (name, params) in self._controls[kind]

    def stitchers(self, table: pd.DataFrame) -> tuple[list[tuple[str, str]], dict[str, str]]:
        """Of one group's rows, the stitchers that enter the mean, and label -> reason for those that do not."""
        keys = table[INDEX_KEY[:2]].itertuples(index=False, name=None)
        counted = np.array([key not in self._controls[INDEX] for key in keys], dtype=bool)
        valued = table[table["within"].notna() & counted]
        ranked = valued.groupby(INDEX_KEY).ngroups
        pairs = {key: int(part["pairs"].max()) for key, part in table.groupby(STITCHER)}
        most = max((number for key, number in pairs.items() if not self.is_control("stitcher", *key)), default=0)
        used, left_out = [], {}
        for key, part in table.groupby(STITCHER):
            reason = self._unusable(key, part, ranked - (valued[STITCHER] == list(key)).all(axis=1).sum())
            if not reason and pairs[key] < COMPLETE * most:
                reason = f"{pairs[key]} of {most} pairs"
            if reason:
                left_out[label(*key)] = reason
            else:
                used.append(key)
        return used, left_out

    def _unusable(self, key: tuple[str, str], part: pd.DataFrame, missing: int) -> str:
        """Why a stitcher does not enter the mean, or "". missing: how many ranked indices have no value."""
        if self.is_control("stitcher", *key):
            return "a control"
        if part["note"].str.contains(SATURATED, regex=False).any():
            return "saturated"
        return f"{missing} without a value" if missing else ""

    def left(self, stitcher: tuple[str, ...], index: tuple[str, str, str], scope: str = "") -> Left | None:
        """The correlation of an index (name, parameters, view) with a stitcher's target (*group, name, parameters), and
        what it is where networks are left out; of "all", the mean over the stitchers used. None without a value."""
        group, key = stitcher[:-2], stitcher[-2:]
        keys = self.used.get(group, []) if key == ("all", "") else [key]
        parts = [self.correlations.left.get((*group, *each, self.target, *index, scope or self.scope)) for each in keys]
        known = [part for part in parts if part is not None]
        return Left.mean(known) if known and len(known) == len(parts) else None

    def differences(self, stitcher: tuple[str, ...], indices: list[tuple[str, str, str]]) -> list[Difference]:
        """Between every two of the indices."""
        return differences([self.left(stitcher, index) for index in indices])


def comparisons(board: pd.DataFrame, ranking: Ranking) -> pd.DataFrame:
    """Every two indices of each stitcher of a leaderboard, columns as in `columns.COMPARISONS`, without controls."""
    rows = []
    for stitcher, part in board[board["rank"].notna()].groupby(GROUP + STITCHER):
        keys = list(part[INDEX_KEY].itertuples(index=False, name=None))
        about = dict(zip(GROUP + STITCHER, stitcher, strict=True))
        about |= {"target": ranking.target, "scope": ranking.scope}
        counts = part[["networks", "pairs"]].iloc[0].to_dict()
        for gap in ranking.differences(stitcher, keys):
            names = dict(zip(("index_a", "index_a_params", "view_a"), keys[gap.a], strict=True))
            names |= dict(zip(("index_b", "index_b_params", "view_b"), keys[gap.b], strict=True))
            numbers = {"difference": gap.value, "low": gap.low, "high": gap.high, "p_value": gap.p}
            rows.append(about | names | numbers | {"adjusted": gap.adjusted} | counts)
    return pd.DataFrame(rows, columns=list(COMPARISONS)).astype(dtypes(COMPARISONS))


def label(name: str, params: str) -> str:
    """
    >>> label("lasso", "strength=0.1"), label("procrustes", "")
    ('lasso[strength=0.1]', 'procrustes')
    """
    return f"{name}[{params}]" if params else name
