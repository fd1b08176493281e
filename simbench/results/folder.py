"""The results folder's CSVs, all derived from its records."""

from __future__ import annotations

from collections.abc import Iterable, Set
from pathlib import Path

import pandas as pd

from simbench.contracts import Experiment, Kept
from simbench.results import figures, tables
from simbench.results.store import Contents, Store
from simbench.statistics.correlate import correlate
from simbench.statistics.leaderboard import leaderboard
from simbench.system.provenance import digest
from simbench.system.stopwatch import stage
from simbench.system.surroundings import abroad

#: What a results folder holds beside records/ and runs/.
FILES = ("measurements.csv", "methods.csv", "timings.csv", "runs.csv", "correlations.csv", "leaderboard.csv")


@stage("deriving tables")
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
        tables.write(leaderboard(correlations, measured), folder / "leaderboard.csv")
    return tables.current(records, preferred)[1]


@stage("deriving tables")
def read(folder: Path, name: str) -> pd.DataFrame:
    """A table of the results folder, text columns '' where empty."""
    return tables.read(folder / name)


@stage("figures")
def draw(contents: Contents, folder: Path, experiments: Iterable[Experiment],
         preferred: Set[str] = frozenset()) -> tuple[list[Path], dict[str, str]]:
    """Draw the figure of each experiment into `folder`/figures, unless it is there, drawn from the same numbers.
    Returns the PNGs that are there, and why an experiment's could not be drawn."""
    records, _ = tables.current(contents.records.values(), preferred)
    there, problems = [], {}
    for experiment in experiments:
        mine = sorted((record for record in records if record.labels["experiment"] == experiment.spec),
                      key=lambda record: record.key)
        name, stamp = figures.name_of(experiment.spec), digest([[r.key, r.run, r.arrays] for r in mine])
        if mine and not figures.current(folder / "figures", name, stamp):
            try:
                store = Store(folder)
                kept = [Kept(record.labels, store.arrays(record)) for record in mine if record.arrays]
                import matplotlib

                with abroad(), matplotlib.rc_context():
                    figure = experiment.figure(tables.measurements(mine), kept)
            except Exception as error:
                problems[experiment.spec] = f"{type(error).__name__}: {' '.join(str(error).split())}"
                continue
            if figure is None:
                continue
            figures.save(figure, folder / "figures", name, stamp)
        png = figures.files(folder / "figures", name)[0]
        there += [png] if png.is_file() else []
    return there, problems
