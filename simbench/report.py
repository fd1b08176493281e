"""What a run says at its end: short tables for people. Knows only data frames and rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pandas as pd
from tabulate import tabulate

from simbench import leaderboard
from simbench.contracts import Experiment, Row

STATUSES = ("ok", "degenerate", "skipped", "failed")


def table(frame: pd.DataFrame, digits: int = 3) -> str:
    """A plain table with column headings; numbers to `digits` places, empty where undefined."""
    return tabulate(frame, headers="keys", showindex=False, floatfmt=f".{digits}f", missingval="")


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
    return lines + ([f"{status}: {rest} more reasons in measurements.csv"] if rest > 0 else [])


def summary(experiment: Experiment, measurements: pd.DataFrame) -> str:
    """The experiment's own summary of its measurements, "" when it has none."""
    rows = measurements[measurements["experiment"] == experiment.spec]
    if rows.empty:
        return ""
    frame = experiment.summary(rows)
    return f"{experiment.spec}\n{table(frame)}" if len(frame) else ""


def warnings(correlations: pd.DataFrame) -> list[str]:
    """A line for each stitcher whose results leave indices nothing to predict."""
    return [f"warning: {line}" for line in leaderboard.warnings(correlations)]


def leaderboard_table(board: pd.DataFrame) -> str:
    """Leaderboard of the mean over stitchers, then one line per index and stitcher."""
    names = ["rank", "index", "view", "within", "within_low", "within_high", "pooled", "pooled_low", "pooled_high",
             "pairs", "networks"]
    blocks = []
    for keys, group in board.groupby(["dataset", "model_a", "model_b", "stitcher"], sort=False):
        shown = group.assign(index=[f"{name}{f'[{params}]' if params else ''}" for name, params
                                    in zip(group["index"], group["index_params"], strict=True)])
        dataset, model_a, model_b, stitcher = keys
        models = model_a if model_a == model_b else f"{model_a} -> {model_b}"
        blocks.append(f"{models} on {dataset}, stitcher {stitcher}\n" + table(shown[names]))
    return "\n\n".join(blocks)
