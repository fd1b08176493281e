"""The results folder's CSVs, all derived from its records."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from simbench import tables
from simbench.correlate import correlate
from simbench.leaderboard import leaderboard
from simbench.store import Contents

#: What a results folder holds beside records/ and runs/.
FILES = ("measurements.csv", "methods.csv", "timings.csv", "runs.csv", "correlations.csv", "leaderboard.csv")


def publish(contents: Contents, folder: Path, anew: bool = False) -> None:
    """Write every table; correlations and leaderboard only when measurements or methods have changed, or
    `anew`."""
    records = list(contents.records.values())
    measured, methods = tables.measurements(records), tables.methods(records)
    changed = [tables.write(measured, folder / "measurements.csv"), tables.write(methods, folder / "methods.csv")]
    tables.write(tables.timings(records), folder / "timings.csv")
    tables.write(tables.runs(contents), folder / "runs.csv")
    if anew or any(changed) or not all((folder / name).is_file() for name in FILES):
        for name in ("correlations.csv", "leaderboard.csv"):  # cut short from here on, the next call makes them anew
            (folder / name).unlink(missing_ok=True)
        correlations = correlate(measured, methods)
        tables.write(correlations, folder / "correlations.csv")
        tables.write(leaderboard(correlations), folder / "leaderboard.csv")


def read(folder: Path, name: str) -> pd.DataFrame:
    """A table of the results folder, text columns '' where empty."""
    return tables.read(folder / name)
