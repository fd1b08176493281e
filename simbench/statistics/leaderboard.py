"""Which index predicts stitching best: one ranked row per index for every stitcher.

Indices are ranked by the Spearman correlation with relative accuracy *within* layers: depth drives both numbers,
so that over all layers together even an index that knows nothing but the layer does well (Simpson, 1951).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from simbench.statistics.correlate import SATURATED

#: Column -> meaning, in the order of the table that `leaderboard` returns.
COLUMNS = {
    "dataset": "data set both were measured on",
    "experiment": "experiment that measured them",
    "model_a": "model of the front networks",
    "model_b": "model of the end networks",
    "stitcher": "name of the stitcher, or all: the mean over the stitchers that its note names",
    "stitcher_params": "its parameters",
    "rank": "1 for the largest `within` of this stitcher, ties sharing the smallest; empty without a value",
    "index": "name of the index",
    "index_params": "its parameters",
    "view": "how activations became rows for the index: spatial, flat or pooled",
    "pushed_to": "how unlike it was made while accuracy stayed: the rows `pushed_to` of these models, mean over "
    "networks; of several settings that of most networks, then the first by name; else empty",
    "pushed_networks": "number of networks that is the mean over",
    "pushed_layer": "layer, or layers a -> b, that they were pushed at",
    "pushed_by": "experiment that pushed them",
    "within": "Spearman correlation with relative accuracy, mean over layers, in [-1, 1]",
    "within_low": "lower end of its 95 % interval over networks; empty below 6 networks, and for all, because "
    "stitchers share their networks",
    "within_high": "upper end of that interval",
    "within_p": "two-sided p-value from relabelling networks; empty for all",
    "pooled": "Spearman correlation with relative accuracy over all layers together, in [-1, 1]",
    "pooled_low": "lower end of its 95 % interval, as within_low",
    "pooled_high": "upper end of that interval",
    "pooled_p": "two-sided p-value, as within_p",
    "networks": "number of networks `within` rests on (of two models, of the one with fewer); for all, the fewest",
    "pairs": "number of ordered pairs of networks it rests on; for all, the fewest",
    "layers": "number of layers it rests on; for all, the fewest",
    "coverage": "share of the stitcher's ok cells where the index is ok too; for all, the smallest",
    "note": "why something is empty, what was left out, whether the target is saturated",
}

_MODELS = ["dataset", "experiment", "model_a", "model_b"]
_STITCHER = ["stitcher", "stitcher_params"]
_INDEX = ["index", "index_params", "view"]
_VALUES = {"value": "", "low": "_low", "high": "_high", "p_value": "_p"}
_COUNTS = ["networks", "pairs", "layers", "coverage"]
#: Columns that a row `pushed_to` must share with one of the board, and those of its own setting.
_SAME = ["dataset", "model_a", "model_b", *_INDEX]
_SETTING = ["experiment", "layer_a", "layer_b", "samples", "seed"]


def leaderboard(correlations: pd.DataFrame, measurements: pd.DataFrame | None = None) -> pd.DataFrame:
    """The ranked table, columns as in COLUMNS, from the table of `simbench.statistics.correlate`; `pushed_to` and its like, empty
    without them, from the measurements.

    Sorted by dataset, models, stitcher and rank. Rows with stitcher "all" hold the mean over those stitchers
    that are not saturated and in which every ranked index has a value.
    """
    table = _joined(correlations)
    table = pd.concat([table, *(_overall(part) for _, part in table.groupby(_MODELS))], ignore_index=True)
    rank = table["within"].round(12).groupby([table[key] for key in _MODELS + _STITCHER]).rank("min", ascending=False)
    table = table.assign(rank=rank.astype("Int64"))
    table = table.merge(_pushed(measurements), on=_SAME, how="left", validate="many_to_one")
    table = table.fillna({"pushed_layer": "", "pushed_by": ""})
    order = _MODELS + _STITCHER + ["rank"] + _INDEX
    return table.sort_values(order, na_position="last", ignore_index=True)[list(COLUMNS)]


def warnings(correlations: pd.DataFrame, names: Mapping[tuple[str, str], str] | None = None) -> list[str]:
    """One line for each stitcher whose relative accuracy hardly varies, so that ranks say little.

    names: (stitcher, parameters) -> what to call it; name and parameters by default.
    """
    rows = _rows(correlations, "within")
    lines = {}
    for key, note in zip(rows[_MODELS + _STITCHER].itertuples(index=False, name=None), rows["note"], strict=True):
        for part in note.split("; "):
            if part.startswith(SATURATED):
                dataset, experiment, model_a, model_b, *stitcher = key
                label = (names or {}).get(tuple(stitcher)) or _label(*stitcher)
                where = f"{experiment} on {dataset}, {model_a} -> {model_b}"
                lines[key] = f"{label} in {where}: {part}; ranks say little there"
    return [lines[key] for key in sorted(lines)]


def _rows(correlations: pd.DataFrame, scope: str) -> pd.DataFrame:
    asked = {"statistic": "spearman", "target": "relative_accuracy", "scope": scope}
    return correlations[np.logical_and.reduce([correlations[column] == value for column, value in asked.items()])]


def _joined(correlations: pd.DataFrame) -> pd.DataFrame:
    """Within and pooled side by side, sorted, without ranks."""
    key = _MODELS + _STITCHER + _INDEX
    within, pooled = (
        _rows(correlations, scope)[key + list(_VALUES) + _COUNTS + ["note"]].rename(
            columns={column: scope + suffix for column, suffix in _VALUES.items()}
        )
        for scope in ("within", "pooled")
    )
    table = within.merge(pooled.drop(columns=_COUNTS), on=key, suffixes=("", "_pooled"), validate="one_to_one")
    notes = [_merged(*pair) for pair in zip(table["note"], table["note_pooled"], strict=True)]
    return table.drop(columns="note_pooled").assign(note=pd.Series(notes, table.index, dtype=str)).sort_values(key)


def _pushed(measurements: pd.DataFrame | None) -> pd.DataFrame:
    """The columns of _SAME and those that begin with pushed_, a row for every index that was pushed."""
    told = {"pushed_to": float, "pushed_networks": "Int64", "pushed_layer": str, "pushed_by": str}
    if (
        measurements is None
        or not (kept := (measurements["quantity"] == "pushed_to") & (measurements["status"] == "ok")).any()
    ):
        return pd.DataFrame(columns=[*_SAME, *told]).astype(dict.fromkeys(_SAME, str) | told)
    rows = measurements[kept].rename(columns={"method": "index", "params": "index_params"})
    rows = rows.groupby(_SAME + _SETTING, as_index=False)["value"].agg(pushed_to="mean", pushed_networks="size")
    layers = rows["layer_a"].where(rows["layer_a"] == rows["layer_b"], rows["layer_a"] + " -> " + rows["layer_b"])
    rows = rows.assign(pushed_layer=layers, pushed_by=rows["experiment"])
    rows = rows.sort_values(["pushed_networks", *_SETTING], ascending=[False] + [True] * len(_SETTING))
    return rows.drop_duplicates(_SAME)[[*_SAME, *told]].astype(told)


def _merged(within: str, pooled: str) -> str:
    """The note on `within` and what that on `pooled` adds; what is saturated is so within layers first."""
    parts = [*within.split("; "), *(part for part in pooled.split("; ") if not part.startswith(SATURATED))]
    return "; ".join(dict.fromkeys(filter(None, parts)))


def _overall(table: pd.DataFrame) -> pd.DataFrame:
    """The rows "all" of one data set and two models."""
    labels = pd.Series([_label(*key) for key in zip(*(table[key] for key in _STITCHER), strict=True)], table.index)
    ranked = table[table["within"].notna()].groupby(_INDEX).ngroups
    left_out = {label: reason for label, part in table.groupby(labels) if (reason := _unusable(part, ranked))}
    used = [label for label in sorted(set(labels)) if label not in left_out]

    note = f"mean over {len(used)} of {len(set(labels))} stitchers" + (f" ({', '.join(used)})" if used else "")
    note += ", without " + ", ".join(f"{label} ({reason})" for label, reason in left_out.items()) if left_out else ""

    indices = table.groupby(_INDEX)["within"].count()
    rows = (
        table[labels.isin(used)]
        .groupby(_INDEX)
        .agg({"within": "mean", "pooled": "mean"} | dict.fromkeys(_COUNTS, "min"))
        .reindex(indices.index)
    )
    counts = {column: rows[column].fillna(0).astype(table[column].dtype) for column in _COUNTS}
    models = {key: table[key].iloc[0] for key in _MODELS}
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
