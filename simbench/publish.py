"""The results folder's CSVs, all derived from its records."""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path

import pandas as pd

from simbench import tables
from simbench.correlate import correlate
from simbench.leaderboard import leaderboard
from simbench.store import Contents

#: What a results folder holds beside records/ and runs/.
FILES = ("measurements.csv", "methods.csv", "timings.csv", "runs.csv", "correlations.csv", "leaderboard.csv")


def publish(contents: Contents, folder: Path, anew: bool = False, preferred: Set[str] = frozenset()) -> int:
    """Write every table; correlations and leaderboard only when measurements or methods have changed, or
    `anew`. Returns how many records are left out of the tables, because others have the same labels: of these a
    `preferred` one (by key) stands, else the latest run's."""
    records = list(contents.records.values())
    measured, methods = tables.measurements(records, preferred), tables.methods(records)
    changed = [tables.write(measured, folder / "measurements.csv"), tables.write(methods, folder / "methods.csv")]
    tables.write(tables.timings(records), folder / "timings.csv")
    tables.write(tables.runs(contents), folder / "runs.csv")
    if anew or any(changed) or not all((folder / name).is_file() for name in FILES):
        for name in ("correlations.csv", "leaderboard.csv"):  # cut short from here on, the next call makes them anew
            (folder / name).unlink(missing_ok=True)
        correlations = correlate(measured, methods)
        tables.write(correlations, folder / "correlations.csv")
        tables.write(leaderboard(correlations), folder / "leaderboard.csv")
    return tables.current(records, preferred)[1]


def read(folder: Path, name: str) -> pd.DataFrame:
    """A table of the results folder, text columns '' where empty."""
    return tables.read(folder / name)
