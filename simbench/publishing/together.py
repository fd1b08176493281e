"""Tables of several folders for one page: methods ranked together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from simbench import columns
from simbench.contracts import BoardColumn
from simbench.publishing.joining import joined
from simbench.report.tables import Part, Tables, figures, hashes, recipes
from simbench.results import folder as results
from simbench.statistics.correlate import correlate
from simbench.statistics.leaderboard import leaderboard


def of_folders(folders: Sequence[Path], declared: Mapping[str, BoardColumn] = columns.NONE) -> Tables:
    """The tables of several results folders or publications, whose methods are ranked together as by
    `simbench leaderboard FOLDERS`; nothing is written. InputError as for `joined`."""
    tables = joined(folders)
    correlations = correlate(tables.measurements, tables.methods, reliability=tables.reliability)
    ranked = leaderboard(correlations, tables.methods, tables.measurements, declared)
    timings, runs = (
        [results.read_or_empty(folder, name) for folder in folders] for name in ("timings.csv", "runs.csv")
    )
    return Tables(
        measurements=tables.measurements,
        methods=tables.methods,
        timings=pd.concat(timings).drop_duplicates([*columns.CASE, "run"], ignore_index=True),
        runs=pd.concat(runs).drop_duplicates(["run"], ignore_index=True),
        correlations=correlations.table,
        leaderboard=ranked.table,
        comparisons=ranked.comparisons,
        declared=declared,
        folders=tuple(folders),
        figures=figures(folders),
        parts={
            folder: Part(rows, frozenset(run["run"]))
            for folder, rows, run in zip(folders, tables.parts, runs, strict=True)
        },
        weights=hashes(folders),
        recipes=recipes(folders),
    )
