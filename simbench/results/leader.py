"""What a row of the leaderboard says, as text."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd


def called(leader: Mapping, names: Mapping[tuple[str, str], str]) -> str:
    """What an index is called, with a mark where it has values on some of the stitched pairs alone: its mean is over
    fewer than others'."""
    name, covered = names.get((leader["index"], leader["index_params"]), leader["index"]), leader.get("coverage")
    partly = covered is not None and not pd.isna(covered) and covered < 1
    return f"{name} (coverage {int(covered * 100) / 100:.2f})" if partly else name


def whole(value: float) -> str:
    return "" if pd.isna(value) else f"{value:.0f}"


def short(value: float) -> str:
    """To two places; a negative number that rounds to zero has no sign, and a rounding error moves no tie: 0.425 and
    0.42500000000000004 are the same."""
    return "" if pd.isna(value) else f"{round(value, 9):z.2f}"


def estimate(leader: Mapping, scope: str) -> str:
    """The correlation of a scope, and its interval where there is one."""
    value, low, high = (leader[scope + end] for end in ("", "_low", "_high"))
    if pd.isna(value):
        return ""
    return short(value) + ("" if pd.isna(low) else f" [{short(low)}, {short(high)}]")


def certain(leader: Mapping) -> str:
    """The ranks that are certain."""
    if pd.isna(leader["best_rank"]) or pd.isna(leader["worst_rank"]):
        return ""
    best, worst = int(leader["best_rank"]), int(leader["worst_rank"])
    return str(best) if best == worst else f"{best} to {worst}"
