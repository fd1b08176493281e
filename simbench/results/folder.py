"""The tables and figures of a results folder, all derived from its records."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from simbench import columns
from simbench.contracts import BoardColumn, Experiment, Kept
from simbench.errors import InputError
from simbench.results import figures, frames, tables
from simbench.results.frames import Entry, Frame
from simbench.results.outcomes import halves
from simbench.results.store import Contents, Store
from simbench.statistics.correlate import correlate
from simbench.statistics.leaderboard import leaderboard
from simbench.system.provenance import digest
from simbench.system.raised import told
from simbench.system.stopwatch import stage
from simbench.system.surroundings import abroad

if TYPE_CHECKING:
    from numpy import ndarray

#: Files of a results folder, beside records/, runs/ and figures/.
FILES = tuple(columns.TABLES)
#: Those that are computed from other tables.
DERIVED = ("correlations.csv", "leaderboard.csv", "comparisons.csv")
#: The file of what is known of stitched layers: where runs saw networks that are no row of stages, or unlike layers.
CUTS = "cuts.csv"


@stage("deriving tables")
def publish(
    contents: Contents,
    folder: Path,
    anew: bool = False,
    preferred: Set[str] = frozenset(),
    declared: Mapping[str, BoardColumn] = columns.NONE,
    target: str = columns.RANKED_BY,
    scope: str = "within",
    store: Store | None = None,
) -> int:
    """Write every table. Correlations and leaderboard are computed only if measurements, methods or the columns of the
    leaderboard have changed, or if `anew` is true.

    preferred: keys of records that stand in the tables where several records have the same labels; without one, the
    record of the latest run does. declared: quantity -> column that experiments add to the leaderboard. target, scope:
    what the leaderboard ranks by. store: of the records, by default that of `folder`.
    Returns how many records are left out of the tables because others have the same labels.
    """
    records = contents.frame
    shown, left_out = frames.current(records, preferred)
    measured, methods = tables.measurements(records, preferred, declared), tables.methods(records)
    changed = [tables.write(measured, folder / "measurements.csv"), tables.write(methods, folder / "methods.csv")]
    tables.write(tables.timings(records), folder / "timings.csv")
    tables.write(tables.runs(contents), folder / "runs.csv")
    _write_cuts(tables.cuts(contents), folder / CUTS)
    if anew or any(changed) or not _derived(folder, columns.board(declared)):
        for name in DERIVED:  # if interrupted from here on, the next call computes them
            (folder / name).unlink(missing_ok=True)
        correlations = correlate(measured, methods, halves(shown.entries(), _readable(store or Store(folder))))
        ranked = leaderboard(correlations, methods, measured, declared, target, scope)
        tables.write(correlations.table, folder / "correlations.csv")
        tables.write(ranked.table, folder / "leaderboard.csv")
        tables.write(ranked.comparisons, folder / "comparisons.csv")
    return left_out


def _readable(store: Store) -> Callable[[Entry], Mapping[str, ndarray]]:
    """The arrays of a record; {} where they are damaged, which the first time is a line on stderr."""
    said: list[str] = []

    def arrays(record: Entry) -> Mapping[str, ndarray]:
        try:
            return store.arrays(record)
        except InputError as error:
            if not said:
                print(f"simbench: {error}; noise ceilings are computed without such records", file=sys.stderr)
            said.append(record.key)
            return {}

    return arrays


def _write_cuts(frame: pd.DataFrame, path: Path) -> None:
    if len(frame):
        tables.write(frame, path)
    else:
        path.unlink(missing_ok=True)


def _derived(folder: Path, board: Iterable[str]) -> bool:
    """Whether every table is there, and those that are derived from others with their columns, the leaderboard with
    these."""
    if not all((folder / name).is_file() for name in FILES):
        return False
    return all(
        tables.heads(folder / name, board if name == "leaderboard.csv" else columns.TABLES[name]) for name in DERIVED
    )


@stage("deriving tables")
def read(folder: Path, name: str, declared: Mapping[str, BoardColumn] = columns.NONE) -> pd.DataFrame:
    """A table of the results folder, with the types of `simbench.columns`. declared: as for `publish`. InputError for
    tables of a later version."""
    _must_be_known(folder)
    return tables.read(folder / name, declared)


def read_or_empty(folder: Path, name: str, declared: Mapping[str, BoardColumn] = columns.NONE) -> pd.DataFrame:
    """As `read`; without rows where the table is missing, because it could not be derived."""
    if (folder / name).is_file():
        return read(folder, name, declared)
    known = columns.TABLES | columns.OCCASIONAL | {"leaderboard.csv": columns.board(declared)}
    return tables.empty(known[name])


def _must_be_known(folder: Path) -> None:
    if not (folder / "runs.csv").is_file():
        return
    found = tables.read(folder / "runs.csv", only={"schema"})
    newest = found["schema"].max() if "schema" in found and found["schema"].notna().any() else 0
    if newest > columns.SCHEMA:
        raise InputError(
            f"tables in {str(folder)!r} have version {newest}, and this simbench knows versions up to "
            f"{columns.SCHEMA}; install a later simbench"
        )


@stage("figures")
def draw(
    contents: Contents,
    folder: Path,
    experiments: Iterable[Experiment],
    preferred: Set[str] = frozenset(),
    store: Store | None = None,
) -> tuple[list[Path], dict[str, str]]:
    """Draw the figure of each experiment into `folder`/figures, unless it was drawn from the same numbers already.
    store: of the records, by default that of `folder`.

    Returns the PNG files of these experiments, and experiment -> reason for each figure that could not be drawn.
    """
    records, _ = frames.current(contents.frame, preferred)
    paths, problems = [], {}
    for experiment in experiments:
        mine = records.of_experiment(experiment.spec)
        named = [mine.table[name].to_pylist() for name in ("key", "run", "arrays")]
        name, stamp = figures.name_of(experiment.spec), digest(list(map(list, zip(*named, strict=True))))
        if len(mine) and not figures.current(folder / "figures", name, stamp):
            try:
                if not _drawn(experiment, mine, folder, name, stamp, store or Store(folder)):
                    continue
            except Exception as error:
                problems[experiment.spec] = told(error)
                continue
        png = figures.files(folder / "figures", name)[0]
        paths += [png] if png.is_file() else []
    return paths, problems


class _LazyArrays(Mapping[str, "ndarray"]):
    """The arrays of a record, read when a figure asks for them: few figures do."""

    def __init__(self, record: Entry, store: Store) -> None:
        self._record, self._store = record, store

    @cached_property
    def _arrays(self) -> Mapping[str, ndarray]:
        return self._store.arrays(self._record)

    def __getitem__(self, name: str) -> ndarray:
        return self._arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)


def _drawn(experiment: Experiment, records: Frame, folder: Path, name: str, stamp: str, store: Store) -> bool:
    """Draw and write the figure of an experiment; False where there is nothing to draw. Raises what its code raises."""
    import matplotlib

    arrays = [Kept(each.labels, _LazyArrays(each, store)) for each in records.entries() if each.arrays]
    with abroad(), matplotlib.rc_context():
        figure = experiment.figure(tables.measurements(records, declared=experiment.board), arrays)
        if figure is not None:
            figures.literal(figure, records.named())
            figures.save(figure, folder / "figures", name, stamp)
    return figure is not None
