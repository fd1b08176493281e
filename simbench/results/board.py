"""The leaderboard as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import pandas as pd
from tabulate import tabulate

from simbench.columns import GROUP, INDEX, NONE
from simbench.contracts import BoardColumn
from simbench.results.leader import called, certain, estimate, short, whole
from simbench.results.text import specs
from simbench.statistics.comparisons import LEVEL

#: Scope -> what it is called in a heading, and in the heading of a column.
SCOPES = {
    "within": "within layers",
    "within_end": "within layers, given the end network",
    "pooled": "all layers pooled",
}
COLUMNS = {"within": "within layers", "within_end": "given the end", "pooled": "pooled"}
#: Target -> what it is called.
TARGETS = {
    "kl_divergence": "the log divergence of stitched networks from Model 2",
    "relative_accuracy": "relative accuracy",
    "agreement": "agreement with Model 2",
    "cross_entropy": "the cross-entropy to Model 2",
    "relative_r2": "relative R2",
    "agreement_r2": "R2 of the outputs of Model 2",
    "mean_squared_error": "the mean squared error",
}
_INDEX = ["index", "index_params", "view"]


class Block(NamedTuple):
    """What is said of one data set and pair of models.

    group: its data set, experiment, models and panel. leaders: its rows of the leaderboard. comparisons: of the mean
    over stitchers. names: (method, parameters) -> what to call it. shown: quantity -> its column, where it has values.
    scope: what is ranked by. notes: lines below the table.
    """

    group: tuple
    title: str
    leaders: pd.DataFrame
    comparisons: pd.DataFrame
    names: dict[tuple[str, str], str]
    shown: Mapping[str, BoardColumn]
    scope: str
    notes: list[str]


def board(
    leaders: pd.DataFrame, comparisons: pd.DataFrame, methods: pd.DataFrame, declared: Mapping[str, BoardColumn] = NONE
) -> str:
    """Leaderboard for people: for each data set and pair of models a table of Spearman correlations, a row per index.

    declared: quantity -> its column; a table leaves out quantities without a value.
    """
    return "\n\n".join(
        block if isinstance(block, str) else "\n".join([block.title, _table(block), *block.notes])
        for block in blocks(leaders, comparisons, methods, declared)
    )


def blocks(
    leaders: pd.DataFrame, comparisons: pd.DataFrame, methods: pd.DataFrame, declared: Mapping[str, BoardColumn] = NONE
) -> Iterator[Block | str]:
    """For each data set and pair of models what its table shows, or a line that says why there is none."""
    names = _marked(methods)
    for group, part in leaders.groupby(GROUP, sort=False):
        scope, target = part["scope"].iloc[0], part["target"].iloc[0]
        dataset, experiment, model_a, model_b, panel = group
        models = model_a if model_a == model_b else f"{model_a} -> {model_b}"
        where = f"{dataset} (panel {panel})" if panel else dataset
        head = f"{experiment}, {models} on {where}, {_networks(part)}"
        if part[["within", "pooled"]].isna().all(axis=None):
            yield (
                f"{head}: no index can be correlated with {TARGETS.get(target, target)}; `note` in leaderboard.csv "
                "says why. Three networks give a value, six an interval."
            )
            continue
        title = f"{head}: how well each index predicts {TARGETS.get(target, target)}, {SCOPES[scope]}"
        same = comparisons[(comparisons[GROUP] == list(group)).all(axis=1) & (comparisons["stitcher"] == "all")]
        shown = {
            quantity: column
            for quantity, column in declared.items()
            if quantity in part and part[quantity].notna().any()  # an older leaderboard.csv may lack the column
        }
        notes = _notes(part, names, scope, methods)
        notes += [_legend(part, quantity, column) for quantity, column in shown.items()]
        yield Block(group, title, part, same, names, shown, scope, notes)


def _marked(methods: pd.DataFrame) -> dict[tuple[str, str], str]:
    """(name, parameters) -> what to call a method; an index that is a control says so."""
    names = specs(methods)
    if "control" in methods:
        indices = methods[methods["control"].eq(True) & (methods["kind"] == INDEX)]
        for key in indices[["method", "params"]].itertuples(index=False, name=None):
            names[key] = f"{names.get(key, key[0])} (control)"
    return names


def _networks(part: pd.DataFrame) -> str:
    designs = sorted({design for design in part["design"].fillna("") if design})
    named = f" ({' or '.join(designs)})" if designs else ""
    counts = ((f"{part[what].max():.0f}", what) for what in ("networks", "pairs"))
    return ", ".join(f"{count} {what[:-1] if count == '1' else what}" for count, what in counts) + named


def _table(block: Block) -> str:
    """A row per index, by rank in the mean over stitchers, and a column per stitcher."""
    names, scope = block.names, block.scope
    part = block.leaders.assign(label=_labels(block.leaders, names))
    stitchers = [name for name in part["label"].unique() if name != "all"]
    others = [name for name in COLUMNS if name != scope]
    rows = []
    for leader in part[part["label"] == "all"].to_dict("records"):
        key = tuple(leader[name] for name in _INDEX)
        same = part[(part[_INDEX] == list(key)).all(axis=1)].set_index("label")
        row = {"rank": whole(leader["rank"]), "certain": certain(leader)}
        row |= {"index": called(leader, names), "view": key[2]}
        row |= {column.heading: short(leader[quantity]) for quantity, column in block.shown.items()}
        row["mean"] = estimate(leader, scope)
        row |= {COLUMNS[name]: short(leader[name]) for name in others}
        row["accuracy"] = short(leader["relative_accuracy"])
        row |= {name: short(same.at[name, scope]) if name in same.index else "" for name in stitchers}
        rows.append(row | {"better than": _beaten(key, block.comparisons, names)})
    return tabulate(rows, headers="keys", disable_numparse=True)


def _notes(part: pd.DataFrame, names: dict, scope: str, methods: pd.DataFrame) -> list[str]:
    """What the mean is over, how good an index could be, and the best index of each stitcher."""
    means, part = part[part["stitcher"] == "all"], part.assign(label=_labels(part, names))
    note = means["note"].iloc[0]
    for (name, params), spec in names.items():
        note = note.replace(f"{name}[{params}]", spec)
    lines = [note]
    if scope == "within" and means["ceiling"].notna().any():
        lines[0] += f"; noise ceiling {short(means['ceiling'].max())}: no index could reach more"
    controls = set(methods[methods["control"].eq(True)]["method"]) if "control" in methods else set()
    first = part[(part["rank"] == 1) & ~part["stitcher"].isin({"all", *controls})]
    if len(first):
        best = [f"{_tied(rows, part, names)} for {label}" for label, rows in first.groupby("label", sort=False)]
        lines.append("best index by stitcher: " + ", ".join(best))
    return lines


def _tied(rows: pd.DataFrame, part: pd.DataFrame, names: dict) -> str:
    """The indices of some rows, with their views where `part` holds several of an index."""
    views = part.groupby(["index", "index_params"])["view"].nunique()
    keys = rows[_INDEX].itertuples(index=False, name=None)
    called = [names.get(key[:2], key[0]) + (f" ({key[2]})" if views[key[:2]] > 1 else "") for key in keys]
    return " and ".join(called)


def _labels(part: pd.DataFrame, names: dict[tuple[str, str], str]) -> list[str]:
    return [names.get(key, key[0]) for key in zip(part["stitcher"], part["stitcher_params"], strict=True)]


def _beaten(key: tuple[str, str, str], comparisons: pd.DataFrame, names: dict[tuple[str, str], str]) -> str:
    """The indices that one predicts better than, certainly."""
    sure = comparisons[comparisons["adjusted"] <= LEVEL]
    found = []
    for mine, other, sign in (("a", "b", 1), ("b", "a", -1)):
        rows = sure[(sure[[f"index_{mine}", f"index_{mine}_params", f"view_{mine}"]] == list(key)).all(axis=1)]
        rows = rows[sign * rows["difference"] > 0]
        found += [
            names.get(each[:2], each[0])
            for each in rows[[f"index_{other}", f"index_{other}_params"]].itertuples(index=False, name=None)
        ]
    return ", ".join(dict.fromkeys(found))


def _legend(part: pd.DataFrame, quantity: str, column: BoardColumn) -> str:
    """The line below the table that explains a column declared by an experiment."""
    rows = part[part[quantity].notna()]
    networks = sorted(set(rows[f"{column.prefix}_networks"].astype(int)))
    places = dict.fromkeys(zip(rows[f"{column.prefix}_by"], rows[f"{column.prefix}_layer"], strict=True))
    where = ", ".join(f"by {by} at {layer}" if layer else f"by {by}" for by, layer in places)
    count = " to ".join(map(str, networks[:1] + networks[1:][-1:]))
    meaning = column.legend.replace("{where}", where)
    return f"{column.heading}: {meaning}, mean over {count} network{'s' if networks[-1] > 1 else ''}"
