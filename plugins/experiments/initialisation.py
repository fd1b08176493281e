"""How much the initial map of a trained stitch matters: the paper's experiment 5."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from simbench_plugins.experiments import curves, trained
from simbench_plugins.experiments.pairs import first_pairs, settings
from simbench_plugins.experiments.presets import AUTHORS, PAPER, SMALL
from simbench_plugins.stitchers.task_loss import TaskLoss

from simbench import Case, Experiment, Row, Stitcher, hookimpl, nested, number
from simbench.results import figures

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

    from simbench import Bench, Selection
    from simbench.contracts import Kept

#: Kind of case, which is the stitcher's `init` -> its name in figures.
KINDS = {"random": "random", "least_squares": "least squares"}
BINS = 24


@dataclass(frozen=True)
class Initialisation(Experiment):
    """Accuracy of stitches that are trained on the task loss from random initial maps and from the least squares map.

    For each pair of networks and each layer, `starts` stitches of each kind are trained with the seeds 0 to
    `starts` - 1. The seed determines the random initial map and the order of the batches (and the crops). The least
    squares map is unique, so these stitches differ only in the order of the batches (and the crops). The paper does
    not say what its "50 optimal least squares initializations" are. In the authors' code the seed of a run determines
    everything, and the least squares map is fitted to randomly cropped images, so that initial maps differ slightly;
    here it is fitted to the images without crops.

    stitcher: a trained stitcher with the parameters init, which must allow "random" and "least_squares", and seed;
    the values of both are ignored. starts: number of stitches of each kind. pairs: number of ordered pairs of
    networks; each has its own panels.
    Stitched networks are scored on test images. The figure is a histogram of relative accuracy.
    Stitches are trained one after another, because training them in one batch is no faster on a CPU.

    Preset default: three epochs on digits, too few for stitches from random initial maps to converge.
    Preset paper: 50 stitches of each kind, Tiny-10 on CIFAR-10. The paper does not name the layer (bn3 here, as in its
    figure 4). Stitches are trained as in the authors' code: 30 epochs of Adam, with a learning rate of 1e-3 that is
    divided by 10 after each third, on batches of 128 cropped and mirrored images.
    """

    stitcher: Stitcher = nested(lambda: TaskLoss(epochs=3, learning_rate=0.01), kind="stitchers")
    starts: int = number(50, least=1)
    pairs: int = number(1, least=1)

    name = "initialisation"
    source = "Csiszarik et al. 2021, section 8, experiment 5, figure 6"
    version = 2
    presets: ClassVar = {
        "default": replace(SMALL, seeds="2", layers="bn6"),
        "paper": replace(PAPER, params=f"stitcher=task_loss[{AUTHORS}]", seeds="2", layers="bn3"),
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        trained.check(self.stitcher, "init", "seed")
        for kind in KINDS:
            trained.varied(self.stitcher, init=kind)

    def plan(self, selection: Selection) -> Iterator[Case]:
        for pair in first_pairs(selection, self.pairs, self.spec):
            for kind in KINDS:
                for method in self._starts(kind):
                    yield Case.stitch(self, selection.setting, method, pair, kind)

    def _starts(self, kind: str) -> list[Stitcher]:
        """The stitcher with each seed, for one kind of initial map."""
        return [trained.varied(self.stitcher, init=kind, seed=seed) for seed in range(self.starts)]

    def run(self, case: Case, bench: Bench) -> list[Row]:
        return bench.stitched(bench.fit(case.method, case), case)

    def summary(self, rows: pandas.DataFrame) -> pandas.DataFrame:
        """Relative accuracy over the seeds: a row for each pair of networks, layer and kind of initial map."""
        scores = curves.numbers(rows, "relative_accuracy")
        if scores.empty:
            return scores[[]]
        several = [
            name for name in ("model_a", "model_b", "seed_a", "seed_b", "samples", "seed") if scores[name].nunique() > 1
        ]
        by = ["dataset", *several, "layer_a", "kind"]
        table = scores.groupby(by, sort=False)["value"].agg(["count", "min", "median", "max", "std"]).reset_index()
        table["kind"] = table["kind"].map(KINDS)
        return table.rename(columns={"layer_a": "relative accuracy at", "kind": "start", "count": "starts"})

    def figure(self, rows: pandas.DataFrame, kept: Sequence[Kept]) -> Figure | None:
        """A panel for each pair of networks and layer: histograms of relative accuracy, one for each kind of initial
        map."""
        parts = [
            (f"{title.partition(chr(10))[0]}\n{a} -> {b}", pair)
            for title, part in settings(curves.numbers(rows, "relative_accuracy"))
            for (a, b), pair in part.groupby(["seed_a", "seed_b"], sort=False)
        ]
        if not parts:
            return None
        figure, axes = figures.panels(len(parts), title="Stitches trained from different starts")
        for panel, (title, part) in zip(axes, parts, strict=True):
            edges = _edges(part)
            for at, (kind, name) in enumerate(KINDS.items()):
                values = part.loc[part["kind"] == kind, "value"]
                panel.hist(values, edges, color=figures.colour(at), alpha=0.65, label=f"from {name}")
            counts = " + ".join(str(int((part["kind"] == kind).sum())) for kind in KINDS)
            figures.describe(panel, f"{title}, {counts} starts", "accuracy relative to Model 2", "number of starts")
            panel.yaxis.get_major_locator().set_params(integer=True)
        figures.legend(figure, axes)
        return figure


def _edges(part: pandas.DataFrame) -> list[float]:
    """Edges of equal bins over all values, none narrower than the share of one image."""
    low, high = part["value"].min(), part["value"].max()
    width = max((high - low) / BINS, 1 / part["samples"].iloc[0])
    return [low + (i - 0.5) * width for i in range(math.ceil((high - low) / width) + 2)]


@hookimpl
def simbench_experiments():
    return [Initialisation()]
