"""Tables of several folders for one page: methods ranked together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from simbench import columns
from simbench.contracts import BoardColumn
from simbench.publishing.joining import joined
from simbench.report.tables import Tables, figures, hashes, recipes
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
        pd.concat(
            [results.read(folder, name) for folder in folders if (folder / name).is_file()], ignore_index=True
        ).drop_duplicates(key, ignore_index=True)
        for name, key in (("timings.csv", [*columns.CASE, "run"]), ("runs.csv", ["run"]))
    )
    return Tables(
        measurements=tables.measurements,
        methods=tables.methods,
        timings=timings,
        runs=runs,
        correlations=correlations.table,
        leaderboard=ranked.table,
        comparisons=ranked.comparisons,
        declared=declared,
        folders=tuple(folders),
        figures=figures(folders),
        weights=hashes(folders),
        recipes=recipes(folders),
    )
