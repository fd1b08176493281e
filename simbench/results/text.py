"""Reports as text: short tables and lines, from data frames and rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pandas as pd
from tabulate import tabulate

from simbench.columns.recorded import STATUSES
from simbench.contracts import Experiment, Row
from simbench.statistics import leaderboard
from simbench.system.stopwatch import Spent
from simbench.system.surroundings import abroad


def table(frame: pd.DataFrame, digits: int = 3) -> str:
    """A plain table with column headings; numbers to `digits` places, zero without a sign, empty where undefined."""
    defined = frame.astype(object).where(frame.notna(), None)
    return tabulate(defined, headers="keys", showindex=False, floatfmt=f"z.{digits}f", missingval="")


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
    lines = [
        f"{status}: {note} ({count} row{'s' if count > 1 else ''}, e.g. {example[note]})"
        for note, count in counts.most_common(most)
    ]
    rest = len(counts) - len(lines)
    return lines + ([f"{status}: {rest} more reason{'s' if rest > 1 else ''} in measurements.csv"] if rest > 0 else [])


def summarised(experiment: Experiment, measurements: pd.DataFrame) -> pd.DataFrame | None:
    """The experiment's own summary of its measurements, None where it has none. Raises what its code raises, and
    TypeError where it returns no data frame."""
    rows = measurements[measurements["experiment"] == experiment.spec]
    if rows.empty:
        return None
    with abroad():
        frame = experiment.summary(rows.copy())
        if not isinstance(frame, pd.DataFrame):
            raise TypeError(f"the summary is a {type(frame).__name__}; a data frame is wanted")
        table(frame)  # its cells may be objects of the plugin's that cannot be shown
        return frame if len(frame) else None


def summary(experiment: Experiment, measurements: pd.DataFrame) -> str:
    """The experiment's own summary under its name, "" where it has none."""
    frame = summarised(experiment, measurements)
    return "" if frame is None else f"{experiment.spec}\n{table(frame)}"


def specs(methods: pd.DataFrame) -> dict[tuple[str, str], str]:
    """(method, parameters) -> its spec, as a user types it."""
    return {
        (name, params): spec
        for name, params, spec in zip(methods["method"], methods["params"], methods["spec"], strict=True)
    }


def warnings(correlations: pd.DataFrame, methods: pd.DataFrame) -> list[str]:
    """A line for each stitcher whose results vary too little to be predicted."""
    return leaderboard.warnings(correlations, specs(methods))


def left_out(records: int) -> list[str]:
    """A line about records that are not in the tables, if there are any."""
    if not records:
        return []
    count = f"{records} record{'' if records == 1 else 's'}"
    return [
        f"{count} of other data, weights, limits or versions under the same names {'is' if records == 1 else 'are'} "
        "not in the tables; use a --results folder for each setting"
    ]


def spent(rows: Iterable[Spent]) -> str:
    """Seconds of every stage, its share of the wall time and how often it was entered."""
    rows = list(rows)
    wall = sum(row.seconds for row in rows)
    lines = [(row.stage, row.seconds, f"{row.seconds / wall:.1%}" if wall else "", row.calls or "") for row in rows]
    return tabulate(
        [*lines, ("wall time", wall, "", "")],
        headers=("stage", "seconds", "share", "calls"),
        floatfmt=".2f",
        colalign=("left", "right", "right", "right"),
    )


def slowest(timings: pd.DataFrame, methods: pd.DataFrame, most: int = 5) -> str:
    """The methods whose cases took most seconds (kinds of cases where there is no method); "" without timings."""
    if timings.empty:
        return ""
    names = specs(methods)
    named = timings.assign(
        method=[names.get(key, key[0]) for key in zip(timings["method"], timings["params"], strict=True)]
    )
    totals = named.groupby(["experiment", "kind", "method"], sort=False)["seconds"].agg(["size", "sum"]).reset_index()
    totals = totals.rename(columns={"size": "cases", "sum": "seconds"}).nlargest(most, "seconds")
    return "slowest methods; what cases share counts where it was first needed\n" + table(
        totals.assign(each=totals["seconds"] / totals["cases"]).rename(columns={"each": "seconds per case"})
    )


def size(count: int) -> str:
    """Bytes in MB or GB."""
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
