"""The contract of an experiment: a plan of cases, a way to measure one, and a summary and a figure of all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

from simbench.contracts.plugin import Plugin

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

    from simbench.contracts.bench import Bench
    from simbench.contracts.case import Case
    from simbench.contracts.dataset import Dataset
    from simbench.contracts.result import Kept, Result, Row
    from simbench.contracts.selection import Selection


@dataclass(frozen=True)
class Preset:
    """What an experiment uses for each option of `simbench run` that the user leaves out, as typed on the command line.

    params: parameters of the experiment, as typed between its brackets. models, datasets: "" requires the user to name
    them. layers: "" uses the default layers of each model. pairs: a design; of a balanced one as much as the networks
    that the user asks for allow.
    """

    params: str = ""
    models: str = ""
    datasets: str = ""
    seeds: str = "6"
    layers: str = ""
    indices: str = "all"
    stitchers: str = "all"
    view: str = "spatial"
    max_samples: int = 10_000
    pairs: str = "all"


@dataclass(frozen=True)
class BoardColumn:
    """How the leaderboard shows a quantity that an experiment measures for each index.

    The rows with this quantity and status ok, whose method is the index, are averaged over networks. The mean is in
    a column named after the quantity, beside the columns `{prefix}_networks` (number of networks), `{prefix}_layer`
    (the layer, or layers a -> b) and `{prefix}_by` (the experiment). Of several settings, the one with the most
    networks is shown. The mean is published with as many digits as the range of the index allows. layers: True averages
    over layers, too, and `{prefix}_layer` says how many.

    heading: of the column in the printed table. meaning: of the column in leaderboard.csv. legend: the line below the
    printed table; `{where}` in it becomes "by EXPERIMENT at LAYER".
    """

    prefix: str
    heading: str
    meaning: str
    legend: str
    layers: bool = False


class Experiment(Plugin):
    """A plan of cases, how to measure one, a summary and a figure of all.

    presets: name -> options that are used where the user gives none; every experiment has "default", and "paper"
        holds the settings of the publication that the experiment comes from.
    across: True measures networks of every selected data set on each of them; a network of another data set
        carries it as `network.dataset`. Otherwise all networks were trained on the data they are measured on.
    unlike: True pairs layers of two networks whatever their names, as `simbench compare` does, which runs the first
        experiment that says so; it has parameters `order` ("forth": the first network in front of the second).
    default: True runs the experiment when the user names none.
    board: quantity -> the column that it adds to the leaderboard.

    The statistics read these rows. Correlations and the leaderboard compare the rows of one experiment, data set
    and pair of models:

    - kind "index", quantity `similarity`: the value of the case's index. Oriented by the direction that it claims.
    - kind "stitcher", quantities `kl_divergence`, `relative_accuracy`, `agreement` and `cross_entropy`: targets, as
      `bench.stitched` returns them. A row of this kind that is not ok and has another quantity counts for all targets.
    - kind "network": an unstitched network (a == b).

    Pairs of a network with itself are left out. Where one network pair and layer has several values, the one on the
    most samples is read, then that of the smallest seed, then the last `step`. Cases of any other kind are the
    experiment's own: only its `summary`, its `figure` and `board` read them. In every kind, the quantity `similarity`
    and quantities that end in `_similarity` are values of the index that is the case's method.
    """

    kind = "experiments"
    presets: ClassVar[Mapping[str, Preset]] = MappingProxyType({"default": Preset()})
    across: ClassVar[bool] = False
    unlike: ClassVar[bool] = False
    default: ClassVar[bool] = False
    board: ClassVar[Mapping[str, BoardColumn]] = MappingProxyType({})

    def plan(self, selection: Selection) -> Iterator[Case]:
        """Every case of the selection; computes nothing. Raises InputError for a selection that cannot be measured."""
        raise TypeError(f"experiment {self.name!r} plans nothing")

    def controls(self, dataset: Dataset, seeds: Sequence[int]) -> Sequence[tuple[Dataset, Sequence[int]]]:
        """Data sets, each with seeds, on which networks of every selected model are trained for comparison: they are
        `selection.controls`, measured on `dataset`. seeds: of the selected networks."""
        return ()

    def run(self, case: Case, bench: Bench) -> list[Row] | Result:
        """Measure one case. Raise Inapplicable(reason) for a row `skipped`; any other exception gives a row
        `failed`."""
        raise TypeError(f"experiment {self.name!r} runs nothing")

    def summary(self, rows: pandas.DataFrame) -> pandas.DataFrame:
        """A short table for people from this experiment's measurements (columns as in measurements.csv)."""
        return rows.groupby(["dataset", "method", "quantity"], as_index=False)["value"].mean()

    def figure(self, rows: pandas.DataFrame, kept: Sequence[Kept]) -> Figure | None:
        """A figure of the measurements (see `simbench.results.figures`), drawn from the same rows and from the arrays
        that `run` returned; None where there is nothing to draw."""
        return None
