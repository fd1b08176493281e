"""Leaderboards of correlations written by hand."""

from __future__ import annotations

import pandas as pd

from simbench.columns import CORRELATIONS, NONE
from simbench.statistics import leaderboard as boards
from simbench.statistics.correlate import Correlations


def entry(index: str, within: float, pooled: float = 0.5, stitcher: str = "ls", note: str = "", **others) -> list[dict]:
    """The two rows of `correlate` that a row of the leaderboard is made from."""
    row = {
        "dataset": "d",
        "experiment": "matching",
        "model_a": "m",
        "model_b": "m",
        "panel": "",
        "stitcher": stitcher,
        "stitcher_params": "",
        "target": "kl_divergence",
        "index": index,
        "index_params": "",
        "view": "spatial",
        "statistic": "spearman",
        "networks": 8,
        "pairs": 56,
        "layers": 3,
        "coverage": 1.0,
        "note": note,
    } | others
    return [
        row | {"scope": scope, "value": value, "low": value - 0.1, "high": value + 0.1, "p_value": 0.01}
        for scope, value in (("within", within), ("within_end", within / 2), ("pooled", pooled))
    ]


def frame(*entries: list[dict]) -> pd.DataFrame:
    return pd.DataFrame([row for rows in entries for row in rows], columns=list(CORRELATIONS))


#: The stitcher `control` and the index `depth` are controls.
METHODS = pd.DataFrame(
    [
        {"kind": "stitcher", "method": "control", "params": "", "control": True},
        {"kind": "index", "method": "depth", "params": "", "control": True},
        {"kind": "index", "method": "a", "params": "", "control": False},
    ]
)


def leaderboard(
    correlations: pd.DataFrame, measured: pd.DataFrame | None = None, declared=NONE, **options: str
) -> pd.DataFrame:
    return boards.leaderboard(Correlations(correlations), METHODS, measured, declared, **options).table


def of(board: pd.DataFrame, stitcher: str) -> pd.DataFrame:
    return board[board["stitcher"] == stitcher].reset_index(drop=True)
