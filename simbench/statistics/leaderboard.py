"""Which index predicts stitching best: one ranked row per index for every stitcher.

Indices are ranked by the Spearman correlation with relative accuracy *within* layers: depth drives both numbers,
so that over all layers together even an index that knows nothing but the layer does well (Simpson, 1951).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from simbench.columns import GROUP, NONE, board
from simbench.statistics.beside import INDEX_KEY, SHARED, beside
from simbench.statistics.correlate import SATURATED

_STITCHER = ["stitcher", "stitcher_params"]
_VALUES = {"value": "", "low": "_low", "high": "_high", "p_value": "_p"}
_COUNTS = ["networks", "pairs", "layers", "coverage"]


def leaderboard(
    correlations: pd.DataFrame, measurements: pd.DataFrame | None = None, declared: Mapping[str, Any] = NONE
) -> pd.DataFrame:
    """The ranked table, columns as in `columns.board(declared)`, from the table of `simbench.statistics.correlate`.

    measurements: of the quantities that experiments show beside each index; without them their columns are empty.
    declared: quantity -> `simbench.BoardColumn`, of all experiments.

    Sorted by dataset, models, stitcher and rank. Rows with stitcher "all" hold the mean over those stitchers
    that are not saturated and in which every ranked index has a value.
    """
    table = _joined(correlations)
    table = pd.concat([table, *(_overall(part) for _, part in table.groupby(GROUP))], ignore_index=True)
    rank = table["within"].round(12).groupby([table[key] for key in GROUP + _STITCHER]).rank("min", ascending=False)
    table = table.assign(rank=rank.astype("Int64"))
    for quantity, column in declared.items():
        shown = beside(measurements, quantity, column)
        table = table.merge(shown, on=SHARED, how="left", validate="many_to_one")
        table = table.fillna(dict.fromkeys((f"{column.prefix}_layer", f"{column.prefix}_by"), ""))
    order = GROUP + _STITCHER + ["rank"] + INDEX_KEY
    return table.sort_values(order, na_position="last", ignore_index=True)[list(board(declared))]


def warnings(correlations: pd.DataFrame, names: Mapping[tuple[str, str], str] | None = None) -> list[str]:
    """One line for each stitcher whose relative accuracy hardly varies, so that ranks say little.

    names: (stitcher, parameters) -> what to call it; name and parameters by default.
    """
    rows = _rows(correlations, "within")
    lines = {}
    for key, note in zip(rows[GROUP + _STITCHER].itertuples(index=False, name=None), rows["note"], strict=True):
        for part in note.split("; "):
            if part.startswith(SATURATED):
                dataset, experiment, model_a, model_b, panel, *stitcher = key
                label = (names or {}).get(tuple(stitcher)) or _label(*stitcher)
                where = f"{experiment} on {dataset}, {model_a} -> {model_b}" + (f", panel {panel}" if panel else "")
                lines[key] = f"{label} in {where}: {part}; ranks say little there"
    return [lines[key] for key in sorted(lines)]


def _rows(correlations: pd.DataFrame, scope: str) -> pd.DataFrame:
    asked = {"statistic": "spearman", "target": "relative_accuracy", "scope": scope}
    return correlations[np.logical_and.reduce([correlations[column] == value for column, value in asked.items()])]


def _joined(correlations: pd.DataFrame) -> pd.DataFrame:
    """Within and pooled side by side, sorted, without ranks."""
    key = GROUP + _STITCHER + INDEX_KEY
    within, pooled = (
        _rows(correlations, scope)[key + list(_VALUES) + _COUNTS + ["note"]].rename(
            columns={column: scope + suffix for column, suffix in _VALUES.items()}
        )
        for scope in ("within", "pooled")
    )
    table = within.merge(pooled.drop(columns=_COUNTS), on=key, suffixes=("", "_pooled"), validate="one_to_one")
    notes = [_merged(*pair) for pair in zip(table["note"], table["note_pooled"], strict=True)]
    return table.drop(columns="note_pooled").assign(note=pd.Series(notes, table.index, dtype=str)).sort_values(key)


def _merged(within: str, pooled: str) -> str:
    """The note on `within` and what that on `pooled` adds; what is saturated is so within layers first."""
    parts = [*within.split("; "), *(part for part in pooled.split("; ") if not part.startswith(SATURATED))]
    return "; ".join(dict.fromkeys(filter(None, parts)))


def _overall(table: pd.DataFrame) -> pd.DataFrame:
    """The rows "all" of one data set and two models."""
    labels = pd.Series([_label(*key) for key in zip(*(table[key] for key in _STITCHER), strict=True)], table.index)
    ranked = table[table["within"].notna()].groupby(INDEX_KEY).ngroups
    left_out = {label: reason for label, part in table.groupby(labels) if (reason := _unusable(part, ranked))}
    used = [label for label in sorted(set(labels)) if label not in left_out]

    note = f"mean over {len(used)} of {len(set(labels))} stitchers" + (f" ({', '.join(used)})" if used else "")
    note += ", without " + ", ".join(f"{label} ({reason})" for label, reason in left_out.items()) if left_out else ""

    indices = table.groupby(INDEX_KEY)["within"].count()
    rows = (
        table[labels.isin(used)]
        .groupby(INDEX_KEY)
        .agg({"within": "mean", "pooled": "mean"} | dict.fromkeys(_COUNTS, "min"))
        .reindex(indices.index)
    )
    counts = {column: rows[column].fillna(0).astype(table[column].dtype) for column in _COUNTS}
    models = {key: table[key].iloc[0] for key in GROUP}
    notes = np.where(indices > 0, note, "no value for any stitcher")
    return rows.assign(**counts, **models, stitcher="all", stitcher_params="", note=notes).reset_index()


def _unusable(part: pd.DataFrame, ranked: int) -> str:
    """Why the values of one stitcher do not enter the mean over stitchers, or "". ranked: how many are needed."""
    if part["note"].str.contains(SATURATED, regex=False).any():
        return "saturated"
    missing = ranked - part["within"].notna().sum()
    return f"{missing} without a value" if missing else ""


def _label(name: str, params: str) -> str:
    return f"{name}[{params}]" if params else name
