"""The contract of an experiment: a plan of cases, and how to measure one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simbench.contracts.plugin import Plugin

if TYPE_CHECKING:
    import pandas

    from simbench.cases import Case, Selection
    from simbench.measure import Context


@dataclass(frozen=True)
class Row:
    """One measured number of a case. status: ok, degenerate, skipped or failed; each but ok has a note."""

    quantity: str
    value: float | None
    step: int | None = None
    status: str = "ok"
    note: str = ""


class Experiment(Plugin):
    """A plan of cases and how to measure one."""

    kind = "experiments"

    def plan(self, selection: Selection) -> Iterator[Case]:
        """Every case of the selection; computes nothing. Raises InputError for what cannot be asked."""
        raise TypeError(f"experiment {self.name!r} plans nothing")

    def run(self, case: Case, context: Context) -> list[Row]:
        """Measure one case. Raise Inapplicable(reason) for a row `skipped`; any other exception is a row
        `failed`."""
        raise TypeError(f"experiment {self.name!r} runs nothing")

    def summary(self, rows: pandas.DataFrame) -> pandas.DataFrame:
        """A short table for people from this experiment's measurements (columns as in measurements.csv)."""
        return rows.groupby(["dataset", "method", "quantity"], as_index=False)["value"].mean()
