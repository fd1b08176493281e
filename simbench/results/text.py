"""What a run says at its end: short tables for people. Knows only data frames and rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pandas as pd
from tabulate import tabulate

from simbench.contracts import Experiment, Row
from simbench.statistics import leaderboard
from simbench.system.stopwatch import Spent
from simbench.system.surroundings import abroad

STATUSES = ("ok", "degenerate", "skipped", "failed")


def table(frame: pd.DataFrame, digits: int = 3) -> str:
    """A plain table with column headings; numbers to `digits` places, empty where undefined."""
    defined = frame.astype(object).where(frame.notna(), None)
    return tabulate(defined, headers="keys", showindex=False, floatfmt=f".{digits}f", missingval="")


def closing(rows: Iterable[Row]) -> str:
    """Count of rows by status."""
    counts = Counter(row.status for row in rows)
    return table(pd.DataFrame([{status: counts[status] for status in STATUSES} | {"rows": counts.total()}]))


def reasons(rows: Iterable[tuple[str, Row]], status: str, most: int = 5) -> list[str]:
    """One line per distinct reason of a status, most frequent first: how often, and an example."""
    counts: Counter[str] = Counter()
    example: dict[str, str] = {}
    for name, row in rows:
        if row.status == status:
            counts[row.note] += 1
            example.setdefault(row.note, name)
    lines = [f"{status}: {note} ({count} row{'s' if count > 1 else ''}, e.g. {example[note]})"
             for note, count in counts.most_common(most)]
    rest = len(counts) - len(lines)
    return lines + ([f"{status}: {rest} more reason{'s' if rest > 1 else ''} in measurements.csv"] if rest > 0 else [])


def summary(experiment: Experiment, measurements: pd.DataFrame) -> str:
    """The experiment's own summary of its measurements, "" when it has none."""
    rows = measurements[measurements["experiment"] == experiment.spec]
    if rows.empty:
        return ""
    with abroad():
        frame = experiment.summary(rows)
    return f"{experiment.spec}\n{table(frame)}" if len(frame) else ""


def specs(methods: pd.DataFrame) -> dict[tuple[str, str], str]:
    """(method, parameters) -> what a user would type for it."""
    return {(name, params): spec for name, params, spec
            in zip(methods["method"], methods["params"], methods["spec"], strict=True)}


def warnings(correlations: pd.DataFrame, methods: pd.DataFrame) -> list[str]:
    """A line for each stitcher whose results leave indices nothing to predict."""
    return [f"warning: {line}" for line in leaderboard.warnings(correlations, specs(methods))]


def spent(rows: Iterable[Spent]) -> str:
    """Seconds of every stage, their share of the wall time and how often it was entered."""
    rows = list(rows)
    wall = sum(row.seconds for row in rows)
    found = [(row.stage, row.seconds, f"{row.seconds / wall:.1%}" if wall else "", row.calls or "") for row in rows]
    return tabulate([*found, ("wall time", wall, "", "")], headers=("stage", "seconds", "share", "calls"),
                    floatfmt=".2f", colalign=("left", "right", "right", "right"))


def slowest(timings: pd.DataFrame, methods: pd.DataFrame, most: int = 5) -> str:
    """The methods (or, where a case has none, kinds of an experiment) whose cases took most seconds; "" without."""
    if timings.empty:
        return ""
    names = specs(methods)
    told = timings.assign(method=[names.get(key, key[0]) for key in zip(timings["method"], timings["params"],
                                                                        strict=True)])
    found = told.groupby(["experiment", "kind", "method"], sort=False)["seconds"].agg(["size", "sum"]).reset_index()
    found = found.rename(columns={"size": "cases", "sum": "seconds"}).nlargest(most, "seconds")
    return ("slowest methods; what cases share counts where it was first needed\n"
            + table(found.assign(each=found["seconds"] / found["cases"]).rename(columns={"each": "seconds per case"})))


def size(count: int) -> str:
    """Bytes in MB or GB."""
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def board(leaders: pd.DataFrame, methods: pd.DataFrame) -> str:
    """Leaderboard for people: for each data set and pair of models one table of Spearman correlations with the
    relative accuracy within layers and one over all layers; a row per index, a column per stitcher."""
    names, blocks = specs(methods), []
    leaders = leaders.rename(columns={"index": "index_name"})
    for (dataset, experiment, model_a, model_b), part in leaders.groupby(
            ["dataset", "experiment", "model_a", "model_b"], sort=False):
        models = model_a if model_a == model_b else f"{model_a} -> {model_b}"
        head = (f"{experiment}, {models} on {dataset}, {part['networks'].max():.0f} networks, "
                f"{part['pairs'].max():.0f} pairs")
        if part[["within", "pooled"]].isna().all(axis=None):
            blocks.append(f"{head}: no index can be correlated with relative accuracy; `note` in leaderboard.csv says "
                          "why. Three networks give a value, six an interval.")
            continue
        blocks += [f"{head}: how well each index predicts relative accuracy, {title}\n{_wide(part, names, scope)}"
                   for scope, title in (("within", "within layers"), ("pooled", "all layers pooled"))]
        note = part.loc[part["stitcher"] == "all", "note"].iloc[0]
        for (name, params), spec in names.items():
            note = note.replace(f"{name}[{params}]", spec)
        blocks[-1] += f"\n{note}" + _legend(part)
    return "\n\n".join(blocks)


def _wide(part: pd.DataFrame, names: dict[tuple[str, str], str], scope: str) -> str:
    """Indices by rank in the mean over stitchers against stitchers, `value [low, high]`."""
    part = part.assign(column=[names.get((name, params), name) for name, params
                               in zip(part["stitcher"], part["stitcher_params"], strict=True)])
    columns = ["all", *(name for name in part["column"].unique() if name != "all")]
    overall, pushed = part[part["column"] == "all"], _pushed(part)
    rows = []
    for leader in overall.itertuples():
        rank = {"rank": "" if pd.isna(leader.rank) else f"{leader.rank:.0f}"} if scope == "within" else {}
        row = rank | {"index": names.get((leader.index_name, leader.index_params), leader.index_name),
                      "view": leader.view} | ({"pushed to": _short(leader.pushed_to)} if pushed else {})
        same = part[(part["index_name"] == leader.index_name) & (part["index_params"] == leader.index_params)
                    & (part["view"] == leader.view)].set_index("column")
        rows.append(row | {"mean" if name == "all" else name: _cell(same, name, scope) for name in columns})
    return tabulate(rows, headers="keys", disable_numparse=True)


def _pushed(part: pd.DataFrame) -> bool:
    """Whether any index was pushed; an older leaderboard.csv lacks the column."""
    return "pushed_to" in part and bool(part["pushed_to"].notna().any())


def _legend(part: pd.DataFrame) -> str:
    """What stands in the column `pushed to`."""
    if not _pushed(part):
        return ""
    told = part[part["pushed_to"].notna()]
    networks = sorted(set(told["pushed_networks"].astype(int)))
    pushes = dict.fromkeys(zip(told["pushed_by"], told["pushed_layer"], strict=True))
    where = ", ".join(f"by {by} at {layer}" for by, layer in pushes)
    return (f"\npushed to: what the index was brought to {where} while accuracy stayed, mean over "
            f"{' to '.join(map(str, networks[:1] + networks[1:][-1:]))} network{'s' if networks[-1] > 1 else ''}")


def _short(value: float) -> str:
    return "" if pd.isna(value) else f"{value:.2f}"


def _cell(same: pd.DataFrame, name: str, scope: str) -> str:
    if name not in same.index or pd.isna(same.at[name, scope]):
        return ""
    value, low, high = (same.at[name, scope + end] for end in ("", "_low", "_high"))
    return f"{value:.2f}" + ("" if pd.isna(low) else f" [{low:.2f}, {high:.2f}]")
