"""The outcome of a run: tables, files, counts and problems."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from itertools import combinations
from pathlib import Path

import pandas as pd

from simbench import columns
from simbench.contracts import BoardColumn, Experiment, Row
from simbench.registry import Registry
from simbench.results import folder as publish
from simbench.results import text
from simbench.results.board import board
from simbench.results.tables import empty
from simbench.runs.job import Job
from simbench.runs.planning.forecast import Forecast, Known


@dataclass(frozen=True, eq=False, repr=False)
class Outcome:
    """The outcome of a run: its tables as data frames, its files, counts, warnings and problems.

    measurements, methods, ..., comparisons: the tables of the results folder, whichever run measured them, with the
        columns and types of `simbench.columns`; without rows after a dry run.
    cuts: what is known of stitched layers, of networks that are no row of stages and of unlike layers; else no rows.
    summaries: experiment -> its own short table. figures: the PNG files of the selected experiments.
    rows: (case, row) of every selected case, new and old, with every digit.
    folder: of results. cases: number of selected cases. pending: cases to measure at the start. measured: cases that
        were measured. untrained: networks to train at the start. trained: networks that were trained.
    run: name of the run in the columns `run`, "" if it measured nothing. seconds: of training and measuring.
    warnings: limits of the tables that a reader should know. undrawn: experiment -> why its figure could not be drawn.
    untabulated: table or summary -> why it could not be derived. corrupt: files of the folder that were ignored.
    lost: networks that were left out, because their training kills its process, each with how.
    declared: quantity -> column that experiments add to the leaderboard. job: of a dry run, else None.
    """

    folder: Path
    cases: int
    pending: int
    untrained: int
    measurements: pd.DataFrame
    methods: pd.DataFrame
    timings: pd.DataFrame
    runs: pd.DataFrame
    correlations: pd.DataFrame
    leaderboard: pd.DataFrame
    comparisons: pd.DataFrame
    cuts: pd.DataFrame
    declared: Mapping[str, BoardColumn]
    corrupt: tuple[Path, ...]
    trained: int = 0
    measured: int = 0
    seconds: float = 0.0
    run: str = ""
    rows: tuple[tuple[str, Row], ...] = ()
    summaries: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    figures: tuple[Path, ...] = ()
    undrawn: Mapping[str, str] = field(default_factory=dict)
    untabulated: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    job: Job | None = None

    @cached_property
    def plan(self) -> pd.DataFrame:
        """What a dry run would take, a row for each of some numbers of `workers`: numbers of `units` and of forward
        `passes`, bytes `sent` and `held`, and `seconds` (`simbench.runs.planning.forecast.Forecast`)."""
        found = self.known.forecasts if self.known else ()
        return pd.DataFrame(found, columns=[each.name for each in fields(Forecast)])

    @cached_property
    def known(self) -> Known | None:
        """What the plan is made of; None where nothing is to be measured."""
        return Known(self.job) if self.job and self.job.pending else None

    @property
    def counts(self) -> dict[str, int]:
        """Status -> number of rows of the selected cases."""
        statuses = [row.status for _, row in self.rows]
        return {status: statuses.count(status) for status in text.STATUSES}

    @property
    def problems(self) -> tuple[str, ...]:
        """A line for each reason why rows failed, each network that was lost, and each table or figure not made."""
        return (*text.reasons(self.rows, "failed"), *self._not_made)

    @property
    def _not_made(self) -> list[str]:
        lines = [f"{what} could not be derived: {reason}" for what, reason in self.untabulated.items()]
        undrawn = [f"figure of {spec} could not be drawn: {reason}" for spec, reason in self.undrawn.items()]
        return [*self.lost, *lines, *undrawn]

    @property
    def ok(self) -> bool:
        """Whether there are no problems."""
        return not self.problems

    @property
    def paths(self) -> dict[str, Path]:
        """Table -> its file: `paths["leaderboard"]`."""
        return {Path(name).stem: self.folder / name for name in publish.FILES}

    @property
    def frames(self) -> dict[str, pd.DataFrame]:
        """Table -> its data frame: `frames["leaderboard"]`."""
        return {name: getattr(self, name) for name in self.paths}

    def __repr__(self) -> str:
        counts = ", ".join(f"{count} {status}" for status, count in self.counts.items() if count)
        done = f"measured {self.measured} of {self.cases} cases"
        return f"<Outcome: {done}; rows: {counts or 'none'}; results in {self.folder}>"

    def _repr_html_(self) -> str:
        """What a notebook shows: the answer, and the leaderboard with its intervals drawn."""
        from simbench.report.boards import notebook
        from simbench.report.tables import Tables

        return notebook(Tables(**self.frames, declared=self.declared))

    def __str__(self) -> str:
        """The report that `simbench run` prints: the board, and what stands below it."""
        shown = board(self.leaderboard, self.comparisons, self.methods, self.declared)
        return f"{shown}\n\n{self.below}" if shown else self.below

    @property
    def below(self) -> str:
        """What the report says below the board: summaries, warnings, reasons for rows without values, counts, files."""
        lines = [f"{spec}\n{text.table(frame)}\n" for spec, frame in self.summaries.items()]
        lines += [f"warning: {line}" for line in self.warnings]
        for status in ("degenerate", "skipped", "failed"):
            lines += text.reasons(self.rows, status)
        files = ", ".join([*publish.FILES, *[publish.CUTS] * (len(self.cuts) > 0)])
        lines += [text.closing(row for _, row in self.rows), self._done(), f"tables in {self.folder}: {files}"]
        if self.figures:
            lines.append(f"figures in {self.folder / 'figures'}: {', '.join(p.name for p in self.figures)} (and .svg)")
        lines += self._not_made
        return "\n".join(lines)

    def _done(self) -> str:
        if not self.measured:
            return f"nothing to compute: {count(self.cases, 'case')} on record"
        trained = f", {count(self.trained, 'network')} trained" if self.trained else ""
        return f"measured {self.measured} of {count(self.cases, 'case')} in {self.seconds:.0f} s{trained}"


def planned(job: Job, declared: Mapping[str, BoardColumn]) -> Outcome:
    """The outcome of a dry run: counts, and tables without rows."""
    tables = columns.TABLES | {"leaderboard.csv": columns.board(declared), "cuts.csv": columns.CUTS}
    frames = {Path(name).stem: empty(table) for name, table in tables.items()}
    return Outcome(
        folder=job.resolved.request.results,
        cases=job.cases,
        pending=job.pending,
        untrained=job.untrained,
        declared=declared,
        corrupt=job.contents.corrupt,
        job=job,
        **frames,
    )


def designs(job: Job) -> Iterator[str]:
    """A line for each experiment and data set: how many networks and pairs it measures, and by which design."""
    for part in job.parts:
        for experiment, selection in part.selections:
            mine = {(c.a.name, c.b.name) for c in part.cases if c.experiment == experiment and c.a != c.b}
            by_design = mine == {(pair.a.name, pair.b.name) for pair in selection.pairs()}
            networks, pairs = count(len(selection.networks), "network"), count(len(mine), "pair")
            yield f"{experiment.spec} on {selection.setting.dataset.label}: {networks}, {pairs}" + (
                f", {selection.design}" if by_design else ""
            )


def apart(job: Job, registry: Registry) -> Iterator[str]:
    """A line for each experiment with models that are never paired, because they share no layer name: it names the
    models, and what would pair them."""
    experiments: list[Experiment] = [entry.plugin for entry in registry.entries["experiments"].values()]
    pairing = [experiment.name for experiment in experiments if experiment.unlike]
    for part in job.parts:
        for experiment, selection in part.selections:
            layers = {network.model.spec: selection.layers[network.model.spec] for network in selection.networks}
            unpaired = [(a, b) for a, b in combinations(layers, 2) if not set(layers[a]) & set(layers[b])]
            if unpaired and not experiment.unlike:
                yield (
                    f"{experiment.spec} pairs no {' with '.join(unpaired[0])}: no selected layer of theirs has the "
                    "same name" + "".join(f"; --experiments {name} pairs layers of any names" for name in pairing[:1])
                )


def count(number: int, noun: str) -> str:
    """
    >>> count(1, "case"), count(2, "case")
    ('1 case', '2 cases')
    """
    return f"{number} {noun}" + ("" if number == 1 else "s")
