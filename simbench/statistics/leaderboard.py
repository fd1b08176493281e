"""Which index predicts stitching best: one ranked row per index for every stitcher.

Indices are ranked by the Spearman correlation *within* layers: depth affects both numbers, so that over all layers
together even an index that knows nothing but the layer does well (Simpson, 1951). The target is the logarithm of the
Kullback-Leibler divergence of stitched outputs from Model 2's: unlike accuracy it is not saturated, and unlike the
cross-entropy it is free of the entropy of Model 2's outputs, which no similarity of the front could predict.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from simbench.columns import GROUP, NONE, RANKED_BY, board
from simbench.statistics.beside import INDEX_KEY, SHARED, beside
from simbench.statistics.comparisons import ranks
from simbench.statistics.correlate import Correlations
from simbench.statistics.jackknife import Left, interval
from simbench.statistics.notes import SATURATED
from simbench.statistics.ranking import STITCHER, Ranking, comparisons, label

#: Scopes on a leaderboard, and the columns of correlations that it shows of each.
_SCOPES = {
    "within": {"value": "", "low": "_low", "high": "_high", "p_value": "_p"},
    "within_end": {"value": "", "low": "_low", "high": "_high"},
    "pooled": {"value": "", "low": "_low", "high": "_high"},
}
_COUNTS = ["networks", "pairs", "layers", "coverage"]
#: Other targets whose correlation within layers is shown beside.
_OTHERS = ("relative_accuracy", "agreement")


class Leaderboard(NamedTuple):
    """table: columns as in `columns.board(declared)`. comparisons: columns as in `columns.COMPARISONS`."""

    table: pd.DataFrame
    comparisons: pd.DataFrame


def leaderboard(
    correlations: Correlations,
    methods: pd.DataFrame,
    measurements: pd.DataFrame | None = None,
    declared: Mapping[str, Any] = NONE,
    target: str = RANKED_BY,
    scope: str = "within",
) -> Leaderboard:
    """The ranked table, and the differences between every two indices.

    methods: as for `correlate`; a stitcher that is a control enters no mean, an index that is one no rank.
    measurements: of the quantities that experiments show beside each index; without them their columns are empty.
    declared: quantity -> `simbench.BoardColumn`, of all experiments.
    target, scope: what to rank by; scope is "within", "within_end" or "pooled".

    Sorted by dataset, models, stitcher and rank. Rows with stitcher "all" hold the mean over those stitchers that are
    no controls, are not saturated, have nine in ten of the pairs of the most complete one, and in which every ranked
    index has a value.
    """
    ranking = Ranking(correlations, methods, target, scope)
    table = _joined(correlations.table, target)
    table = pd.concat([table, *(_overall(part, ranking) for _, part in table.groupby(GROUP))], ignore_index=True)
    table = table.assign(target=target, scope=scope)
    table = pd.concat([_ranked(part, ranking) for _, part in table.groupby(GROUP + STITCHER)] or [table])
    for quantity, column in declared.items():
        shown = beside(measurements, quantity, column)
        if shown.empty:  # a merge would give the same, slowly
            table = table.assign(
                **{name: pd.Series(None, table.index, shown[name].dtype) for name in shown if name not in SHARED}
            )
        else:
            table = table.merge(shown, on=SHARED, how="left", validate="many_to_one")
        table = table.fillna(dict.fromkeys((f"{column.prefix}_layer", f"{column.prefix}_by"), ""))
    for name in ("rank", "best_rank", "worst_rank"):
        table[name] = table[name].astype("Int64") if name in table else pd.Series(dtype="Int64")
    order = GROUP + STITCHER + ["rank"] + INDEX_KEY
    table = table.sort_values(order, na_position="last", ignore_index=True)[list(board(declared))]
    return Leaderboard(table, comparisons(table, ranking))


def _joined(correlations: pd.DataFrame, target: str) -> pd.DataFrame:
    """All scopes of the target side by side, and the correlations within layers of the other targets."""
    key = GROUP + STITCHER + INDEX_KEY
    table = None
    for scope, names in _SCOPES.items():
        rows = _rows(correlations, target, scope)
        shown = rows[key + list(names) + (["ceiling", "note", "design", *_COUNTS] if scope == "within" else [])]
        shown = shown.rename(columns={column: scope + suffix for column, suffix in names.items()})
        table = shown if table is None else table.merge(shown, on=key, how="left", validate="one_to_one")
    for other in _OTHERS:
        rows = _rows(correlations, other, "within")[[*key, "value"]].rename(columns={"value": other})
        table = table.merge(rows, on=key, how="left", validate="one_to_one")
    return table.sort_values(key)


def _rows(correlations: pd.DataFrame, target: str, scope: str) -> pd.DataFrame:
    asked = {"statistic": "spearman", "target": target, "scope": scope}
    return correlations[np.logical_and.reduce([correlations[column] == value for column, value in asked.items()])]


def _ranked(part: pd.DataFrame, ranking: Ranking) -> pd.DataFrame:
    """The rows of one stitcher with their ranks: by value, and the best and worst that the differences allow."""
    control = pd.Series([ranking.is_control("index", *key) for key in _keys(part, INDEX_KEY[:2])], part.index)
    values = part[ranking.scope].where(~control)
    stitcher = next(iter(_keys(part, GROUP + STITCHER)))
    keys = list(_keys(part[values.notna()], INDEX_KEY))
    best, worst = ranks(ranking.differences(stitcher, keys), len(keys))
    part = part.assign(rank=values.round(12).rank(method="min", ascending=False).astype("Int64"))
    known = pd.Series([ranking.left(stitcher, key) is not None for key in keys], part.index[values.notna()])
    for name, found in (("best_rank", best), ("worst_rank", worst)):
        found = pd.Series(found, part.index[values.notna()], dtype="Int64").where(known)
        part = part.assign(**{name: found.reindex(part.index)})
    return part


def _keys(part: pd.DataFrame, names: list[str]):
    return part[names].itertuples(index=False, name=None)


def _overall(table: pd.DataFrame, ranking: Ranking) -> pd.DataFrame:
    """The rows "all" of one data set and two models."""
    group = tuple(table[GROUP].iloc[0])
    used, left_out = ranking.stitchers(table)
    ranking.used[group] = used
    labels = [label(*key) for key in used]
    note = f"mean over {len(used)} of {len(used) + len(left_out)} stitchers" + (
        f" ({', '.join(labels)})" if used else ""
    )
    note += ", without " + ", ".join(f"{name} ({reason})" for name, reason in left_out.items()) if left_out else ""
    rows = []
    usable = pd.Series([key in used for key in _keys(table, STITCHER)], table.index, dtype=bool)
    for key, part in table.groupby(INDEX_KEY):
        mine = part[usable[part.index]]
        means = mine[[*_SCOPES, "ceiling", *_OTHERS]].mean()
        row = dict(zip(GROUP, group, strict=True)) | dict(zip(INDEX_KEY, key, strict=True)) | means.to_dict()
        row |= {name: mine[name].min() if len(mine) else 0 for name in _COUNTS}
        for scope in _SCOPES:
            left = ranking.left((*group, "all", ""), key, scope)
            row[f"{scope}_low"], row[f"{scope}_high"] = _interval(left, mine)
        row["design"] = mine["design"].iloc[0] if mine["design"].nunique() == 1 else ""
        row["note"] = note if part["within"].notna().any() else "no value for any stitcher"
        rows.append(row | {"stitcher": "all", "stitcher_params": ""})
    return pd.DataFrame(rows).astype({name: table[name].dtype for name in _COUNTS})


def _interval(left: Left | None, part: pd.DataFrame) -> tuple[float, float]:
    """NaN where the stitchers have none."""
    return interval(left) if left is not None and part["within_low"].notna().any() else (np.nan, np.nan)


def warnings(correlations: pd.DataFrame, names: Mapping[tuple[str, str], str] | None = None) -> list[str]:
    """One line for each stitcher whose relative accuracy hardly varies, so that it says little.

    names: (stitcher, parameters) -> what to call it; name and parameters by default.
    """
    rows = _rows(correlations, "relative_accuracy", "within")
    lines = {}
    for key, note in zip(_keys(rows, GROUP + STITCHER), rows["note"], strict=True):
        for part in note.split("; "):
            if part.startswith(SATURATED):
                dataset, experiment, model_a, model_b, _, *_ = key
                name = (names or {}).get(key[-2:]) or label(*key[-2:])
                where = f"{experiment} on {dataset}, {model_a} -> {model_b}"
                lines[key] = f"{name} in {where}: {part}; correlations with relative accuracy say little there"
    return [lines[key] for key in sorted(lines)]
