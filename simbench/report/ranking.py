"""The rows of the leaderboard of a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import pandas as pd

from simbench.columns import GROUP
from simbench.report.names import INDEX_KEY, Key
from simbench.results.text import specs

#: Places that are more than rounding errors, as `simbench.results.leader.short` has it.
EXACT = 9
#: Correlations of a row, with the ends of their intervals.
SCOPES = ("within", "within_end", "pooled")
VALUES = tuple(f"{scope}{end}" for scope in SCOPES for end in ("", "_low", "_high"))
#: What a row is made of, before the columns that experiments add.
FIELDS = ("setting", "stitcher", "index", "rank", "best_rank", "worst_rank", *VALUES, "ceiling", "relative_accuracy",
          "agreement", "coverage")  # fmt: skip


def rows(
    leaderboard: pd.DataFrame,
    settings: Sequence[tuple],
    keys: Mapping[Key, str],
    methods: pd.DataFrame,
    added: Sequence[str],
) -> list[list[Any]]:
    """A list for each row of leaderboard.csv, of FIELDS and `added`. Settings and indices are positions in `settings`
    and `keys`; correlations have EXACT places, and None where there is none. One setting after the other."""
    places = {key: at for at, key in enumerate(keys)}
    grouped = {group: at for at, group in enumerate(settings)}
    names = specs(methods)
    found = []
    for row in leaderboard.to_dict("records"):
        stitcher = names.get((row["stitcher"], row["stitcher_params"]), row["stitcher"])
        key = tuple(row[name] for name in INDEX_KEY)
        head = [grouped[tuple(row[name] for name in GROUP)], stitcher, places[key]]
        ranks = [None if pd.isna(row[name]) else int(row[name]) for name in FIELDS[3:6]]
        found.append(head + ranks + [short(row[name]) for name in (*FIELDS[6:], *added)])
    return sorted(found, key=lambda row: row[0])


def short(value: Any, digits: int = EXACT) -> float | None:
    """A number to so many places, None where there is none. A page shows two places: of
    three, 0.42512 would be shown as 0.42, beside 0.43 in other tables."""
    return None if value is None or pd.isna(value) else round(float(value), digits)


def matrix(
    comparisons: pd.DataFrame, settings: Sequence[tuple], keys: Mapping[Key, str], methods: pd.DataFrame
) -> list[dict[str, Any]]:
    """For each setting and stitcher of comparisons.csv the indices compared, and for every two of them, in the order of
    `itertools.combinations`, the difference (in thousandths) and the adjusted p-value (in ten thousandths), None where
    there is none. Indices and settings are positions."""
    places = {key: at for at, key in enumerate(keys)}
    grouped = {group: at for at, group in enumerate(settings)}
    names = specs(methods)
    sides = [[f"index_{side}", f"index_{side}_params", f"view_{side}"] for side in "ab"]
    wanted = [comparisons[columns].itertuples(index=False, name=None) for columns in (GROUP, *sides)]
    rest = comparisons[["stitcher", "stitcher_params", "difference", "adjusted"]].itertuples(index=False, name=None)
    boards: dict[tuple, dict[tuple[int, int], tuple]] = {}
    for group, a, b, (stitcher, params, gap, p) in zip(*wanted, rest, strict=True):
        if group in grouped and a in places and b in places:
            i, j, sign = (places[a], places[b], 1) if places[a] < places[b] else (places[b], places[a], -1)
            board = boards.setdefault((grouped[group], names.get((stitcher, params), stitcher)), {})
            board[i, j] = (_times(sign * gap, 1000), _times(p, 10000))
    found = []
    for (setting, stitcher), board in boards.items():
        indices = sorted({place for pair in board for place in pair})
        cells = [board.get(pair, (None, None)) for pair in combinations(indices, 2)]
        found.append(
            {
                "setting": setting,
                "stitcher": stitcher,
                "indices": indices,
                "gaps": [gap for gap, _ in cells],
                "ps": [p for _, p in cells],
            }
        )
    return found


def _times(value: Any, by: int) -> int | None:
    return None if pd.isna(value) else round(float(value) * by)
