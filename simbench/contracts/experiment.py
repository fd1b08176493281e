"""The contract of an experiment: a plan of cases, how to measure one, and how to look at all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from simbench.contracts.plugin import Plugin

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

    from simbench.contracts.bench import Bench
    from simbench.contracts.case import Case
    from simbench.contracts.result import Kept, Result, Row
    from simbench.contracts.selection import Selection


@dataclass(frozen=True)
class Preset:
    """What an experiment takes where the user says nothing: options of `simbench run`, as typed.

    params: parameters of the experiment, as typed between its brackets. layers: "" takes the models' own default.
    """

    params: str = ""
    models: str = "tiny10"
    datasets: str = "digits"
    seeds: str = "6"
    layers: str = ""
    indices: str = "all"
    stitchers: str = "identity,least_squares,procrustes,reduced_rank,task_loss"
    view: str = "spatial"
    max_samples: int = 10_000


class Experiment(Plugin):
    """A plan of cases, how to measure one, a summary and a figure of all.

    presets: name -> what is taken where the user says nothing; every experiment has "default", and "paper" holds
        the settings of the publication it comes from.
    across: True measures networks of every selected data set on each of them; a network of another data set
        carries it as `network.dataset`. Else all networks were trained on the data they are measured on.
    """

    kind = "experiments"
    presets: ClassVar[Mapping[str, Preset]] = {"default": Preset()}
    across: ClassVar[bool] = False

    def plan(self, selection: Selection) -> Iterator[Case]:
        """Every case of the selection; computes nothing. Raises InputError for what cannot be asked."""
        raise TypeError(f"experiment {self.name!r} plans nothing")

    def run(self, case: Case, bench: Bench) -> list[Row] | Result:
        """Measure one case. Raise Inapplicable(reason) for a row `skipped`; any other exception is a row
        `failed`."""
        raise TypeError(f"experiment {self.name!r} runs nothing")

    def summary(self, rows: pandas.DataFrame) -> pandas.DataFrame:
        """A short table for people from this experiment's measurements (columns as in measurements.csv)."""
        return rows.groupby(["dataset", "method", "quantity"], as_index=False)["value"].mean()

    def figure(self, rows: pandas.DataFrame, kept: Sequence[Kept]) -> Figure | None:
        """What the measurements look like (see `simbench.results.figures`), from the same rows and the arrays that `run`
        returned; None where there is nothing to see."""
        return None
