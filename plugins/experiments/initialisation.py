"""How much the start of training matters: the paper's experiment 5."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from simbench_plugins.experiments import curves
from simbench_plugins.experiments.pairs import settings, stitched
from simbench_plugins.stitchers.task_loss import TaskLoss

from simbench import Case, Experiment, InputError, Preset, Row, Stitcher, hookimpl, nested
from simbench.results import figures

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

    from simbench.contracts import Kept
    from simbench.contracts.selection import Selection
    from simbench import Bench

#: Kind of case, which is the stitcher's init, and what it is called.
KINDS = {"random": "random", "least_squares": "least squares"}
BINS = 24


@dataclass(frozen=True)
class Initialisation(Experiment):
    """Accuracy of stitches trained on the task loss from random starts and from the least squares map.

    Two networks are fixed, at one layer. Every training has a seed of its own, 0 to `starts` - 1, which is the
    parameter `seed` of the stitcher and fixes the random start and the order of the batches (and the crops). The
    least squares map is unique, so those trainings differ in the order of the batches (and the crops) alone; what
    the paper means by "50 optimal least squares initializations" its text does not say. In its authors' code one
    seed sets everything of a run, and the least squares map is that of images cropped at random, so that the starts
    themselves differ a little; here it is that of the images as they are.

    trained: what is trained, whatever its init and seed. starts: of each kind. pairs: so many first ordered pairs of
    the networks, each with panels of its own.
    Scored on test images, in the quantities of a stitched network. The figure is a histogram of relative accuracy.
    Starts are trained one after another: side by side in one batch they take as long on a CPU.

    Preset default: three epochs on digits, a short training, after which random starts are still on their way.
    Preset paper: 50 starts of each kind, Tiny-10 on CIFAR-10; its text does not name the layer (bn3 here, as in its
    figure 4). The training is that of the authors' code: 30 epochs of Adam from 1e-3, cut by 10 after each third,
    batches of 128, cropped and mirrored.
    """

    trained: Stitcher = nested("stitchers", "task_loss[epochs=3,learning_rate=0.01]")
    starts: int = 50
    pairs: int = 1

    name = "initialisation"
    source = "Csiszarik et al. 2021, section 8, experiment 5, figure 6"
    presets: ClassVar = {
        "default": Preset(seeds="2", layers="bn6"),
        "paper": Preset(
            "trained=task_loss[epochs=30,schedule=step,augment=true]",
            "tiny10[padding=valid]",
            "cifar10",
            "2",
            layers="bn3",
            max_samples=50_000,
        ),
    }

    def __post_init__(self) -> None:
        for key in ("starts", "pairs"):
            if getattr(self, key) < 1:
                raise InputError(f"{key} is {getattr(self, key)}; a whole number from 1 is allowed")
        if not isinstance(self.trained, str | TaskLoss):
            raise InputError(
                f"trained is {self.trained.spec}; task_loss or bottleneck is wanted, such as task_loss[epochs=30]"
            )

    def plan(self, selection: Selection) -> Iterator[Case]:
        for layer, a, b in stitched(selection, self.pairs, self.spec):
            for kind in KINDS:
                for seed in range(self.starts):
                    method = replace(self.trained, init=kind, seed=seed)
                    yield Case(self, selection.setting, kind, method, a, layer, b, layer, "spatial")

    def run(self, case: Case, context: Bench) -> list[Row]:
        return context.stitched(context.fit(case.method, case), case)

    def summary(self, rows: pandas.DataFrame) -> pandas.DataFrame:
        """Relative accuracy over the starts: a row for each pair of networks, layer and kind of start."""
        kept = curves.numbers(rows, "relative_accuracy")
        if kept.empty:
            return kept[[]]
        several = [
            name for name in ("model_a", "model_b", "seed_a", "seed_b", "samples", "seed") if kept[name].nunique() > 1
        ]
        by = ["dataset", *several, "layer_a", "kind"]
        told = kept.groupby(by, sort=False)["value"].agg(["count", "min", "median", "max", "std"]).reset_index()
        told["kind"] = told["kind"].map(KINDS)
        return told.rename(columns={"layer_a": "relative accuracy at", "kind": "start", "count": "starts"})

    def figure(self, rows: pandas.DataFrame, kept: Sequence[Kept]) -> Figure | None:
        """A panel for each pair of networks and layer: histogram of relative accuracy, by kind of start."""
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
    """Of the bins: equal ones over all values, none narrower than what one image makes."""
    low, high = part["value"].min(), part["value"].max()
    width = max((high - low) / BINS, 1 / part["samples"].iloc[0])
    return [low + (i - 0.5) * width for i in range(math.ceil((high - low) / width) + 2)]


@hookimpl
def simbench_experiments():
    return [Initialisation()]
