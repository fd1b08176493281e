"""The leaderboard as people read it."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from tabulate import tabulate

from simbench.columns import GROUP, NONE
from simbench.contracts import BoardColumn
from simbench.results.text import specs


def board(leaders: pd.DataFrame, methods: pd.DataFrame, declared: Mapping[str, BoardColumn] = NONE) -> str:
    """Leaderboard for people: for each data set and pair of models one table of Spearman correlations with the
    relative accuracy within layers and one over all layers; a row per index, a column per stitcher.

    declared: quantity -> how it is shown beside the indices; one without a value in a table is left out of it.
    """
    names, blocks = specs(methods), []
    for (dataset, experiment, model_a, model_b, panel), part in leaders.groupby(GROUP, sort=False):
        models = model_a if model_a == model_b else f"{model_a} -> {model_b}"
        where = f"{dataset} (panel {panel})" if panel else dataset
        head = (
            f"{experiment}, {models} on {where}, {part['networks'].max():.0f} networks, {part['pairs'].max():.0f} pairs"
        )
        if part[["within", "pooled"]].isna().all(axis=None):
            blocks.append(
                f"{head}: no index can be correlated with relative accuracy; `note` in leaderboard.csv says "
                "why. Three networks give a value, six an interval."
            )
            continue
        shown = {
            quantity: column
            for quantity, column in declared.items()
            if quantity in part and part[quantity].notna().any()  # an older leaderboard.csv may lack the column
        }
        blocks += [
            f"{head}: how well each index predicts relative accuracy, {title}\n{_wide(part, names, scope, shown)}"
            for scope, title in (("within", "within layers"), ("pooled", "all layers pooled"))
        ]
        note = part.loc[part["stitcher"] == "all", "note"].iloc[0]
        for (name, params), spec in names.items():
            note = note.replace(f"{name}[{params}]", spec)
        blocks[-1] += "\n".join(["", note, *(_legend(part, quantity, column) for quantity, column in shown.items())])
    return "\n\n".join(blocks)


def _wide(part: pd.DataFrame, names: dict[tuple[str, str], str], scope: str, shown: Mapping[str, BoardColumn]) -> str:
    """A row per index, by rank in the mean over stitchers, and a column per stitcher: `value [low, high]`."""
    part = part.assign(
        column=[
            names.get((name, params), name)
            for name, params in zip(part["stitcher"], part["stitcher_params"], strict=True)
        ]
    )
    columns = ["all", *(name for name in part["column"].unique() if name != "all")]
    rows = []
    for leader in part[part["column"] == "all"].to_dict("records"):
        rank = {"rank": "" if pd.isna(leader["rank"]) else f"{leader['rank']:.0f}"} if scope == "within" else {}
        spec = names.get((leader["index"], leader["index_params"]), leader["index"])
        beside = {column.heading: _short(leader[quantity]) for quantity, column in shown.items()}
        row = rank | {"index": spec, "view": leader["view"]} | beside
        same = part[
            (part["index"] == leader["index"])
            & (part["index_params"] == leader["index_params"])
            & (part["view"] == leader["view"])
        ].set_index("column")
        rows.append(row | {"mean" if name == "all" else name: _cell(same, name, scope) for name in columns})
    return tabulate(rows, headers="keys", disable_numparse=True)


def _legend(part: pd.DataFrame, quantity: str, column: BoardColumn) -> str:
    """The line below the table on a quantity of an experiment."""
    rows = part[part[quantity].notna()]
    networks = sorted(set(rows[f"{column.prefix}_networks"].astype(int)))
    places = dict.fromkeys(zip(rows[f"{column.prefix}_by"], rows[f"{column.prefix}_layer"], strict=True))
    where = ", ".join(f"by {by} at {layer}" for by, layer in places)
    count = " to ".join(map(str, networks[:1] + networks[1:][-1:]))
    meaning = column.legend.replace("{where}", where)
    return f"{column.heading}: {meaning}, mean over {count} network{'s' if networks[-1] > 1 else ''}"


def _short(value: float) -> str:
    return "" if pd.isna(value) else f"{value:.2f}"


def _cell(same: pd.DataFrame, name: str, scope: str) -> str:
    if name not in same.index or pd.isna(same.at[name, scope]):
        return ""
    value, low, high = (same.at[name, scope + end] for end in ("", "_low", "_high"))
    return f"{value:.2f}" + ("" if pd.isna(low) else f" [{low:.2f}, {high:.2f}]")
