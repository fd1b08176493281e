"""Linear mode connectivity of stitches: the paper's experiment 6."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, ClassVar

from simbench_plugins.experiments import curves, trained
from simbench_plugins.experiments.pairs import first_pairs, settings
from simbench_plugins.experiments.presets import AUTHORS, PAPER, SMALL
from simbench_plugins.stitchers.task_loss import TaskLoss

from simbench import Affine, Case, Experiment, Row, Stitcher, hookimpl, nested, number
from simbench.results import figures

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from simbench import Bench, Selection
    from simbench.contracts import Kept

#: The quantities along a line; the threshold applies to the first.
QUANTITIES = ("relative_accuracy", "cross_entropy")
#: Columns that identify a line.
LINE = ["seed_a", "seed_b", "first", "second"]


@dataclass(frozen=True)
class Connectivity(Experiment):
    """Accuracy of linear interpolations of two trained stitches, M_l = l M_1 + (1 - l) M_2 for l from 0 to 1 (weights
    and biases).

    For each pair of networks and each layer, `starts` stitches are trained with the seeds 0 to `starts` - 1. The seed
    determines the random initial map and the order of the batches. Every two stitches whose relative accuracy is at
    least `threshold` are interpolated. All maps are scored on test images.
    stitcher: a trained stitcher with the parameter seed, whose value is ignored. points: number of equally spaced
    values of l, 0 and 1 included. pairs: number of ordered pairs of networks.

    A case is a pair of networks at a layer. Quantities: `relative_accuracy/1` and `cross_entropy/1` of stitch 1;
    `relative_accuracy/0-2/0.30` and `cross_entropy/0-2/0.30` of 0.3 times stitch 0 plus 0.7 times stitch 2. If fewer
    than two stitches reach the threshold, `relative_accuracy` is skipped. The summary divides the lowest relative
    accuracy on each line by that of the worse end: the stitches are connected if this ratio is 1.

    Preset default: digits, with a learning rate at which stitches from random initial maps come close to the accuracy
    of Model 2 within 6 epochs.
    Preset paper: all layers of Tiny-10 on CIFAR-10, threshold 0.8. The paper gives neither the number of stitches (5
    here) nor the number of networks (one pair here). Stitches are trained as in the authors' code: 30 epochs of Adam,
    with a learning rate of 1e-3 that is divided by 10 after each third, on batches of 128 cropped and mirrored images.
    """

    stitcher: Stitcher = nested(lambda: TaskLoss(init="random", epochs=6, learning_rate=0.03), kind="stitchers")
    starts: int = number(3, least=2)
    threshold: float = number(0.8, least=0)
    points: int = number(11, least=3)
    pairs: int = number(1, least=1)

    name = "connectivity"
    source = "Csiszarik et al. 2021, section 8, experiment 6"
    version = 2
    presets: ClassVar = {
        "default": replace(SMALL, seeds="2", layers="bn1,bn2,bn3,bn5,bn7"),
        "paper": replace(PAPER, params=f"starts=5,stitcher=task_loss[init=random,{AUTHORS}]", seeds="2"),
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        trained.check(self.stitcher, "seed")

    def plan(self, selection: Selection) -> Iterator[Case]:
        for pair in first_pairs(selection, self.pairs, self.spec):
            yield Case.stitch(self, selection.setting, self.stitcher, pair, "line")

    def run(self, case: Case, bench: Bench) -> list[Row]:
        maps = [bench.fit(trained.varied(self.stitcher, seed=seed), case) for seed in range(self.starts)]
        ends = [score for each in maps for score in _scores(each, case, bench)]
        rows = [row for seed, scores in enumerate(ends) for row in _rows(scores, f"{seed}")]
        good = [seed for seed, scores in enumerate(ends) if scores["relative_accuracy"] >= self.threshold]
        if len(good) < 2:
            reason = (
                f"{len(good)} of {self.starts} stitches reach a relative accuracy of {self.threshold:g}, and a "
                "line joins two; train longer, or lower the threshold"
            )
            return [*rows, Row("relative_accuracy", None, status="skipped", note=reason)]
        shares = [i / (self.points - 1) for i in range(self.points)]
        for first, second in combinations(good, 2):
            between = _scores(_between(maps[first], maps[second], shares[1:-1]), case, bench)
            for share, scores in zip(shares, [ends[second], *between, ends[first]], strict=True):
                rows += _rows(scores, f"{first}-{second}/{share:.4g}")
        return rows

    def summary(self, rows: pandas.DataFrame) -> pandas.DataFrame:
        """How many stitches reach the threshold, and how low the lines between them go, for each pair of networks and
        layer."""
        ends, lines = _ends(rows), _lines(rows)
        if ends.empty:
            return ends[[]]
        by = [*curves.APART, "seed_a", "seed_b", "layer_a"]
        table = ends.groupby(by, sort=False)["value"].agg(
            stitches="count", kept=lambda values: int((values >= self.threshold).sum())
        )
        ratios = lines.groupby([*by, "first", "second"], sort=False)["value"].agg(_ratio).groupby(by)
        table = table.join(ratios.agg(["mean", "min"])).reset_index()
        several = [
            name for name in ("model_a", "model_b", "seed_a", "seed_b", "samples", "seed") if table[name].nunique() > 1
        ]
        names = {"layer_a": "between stitches at", "mean": "lowest / lower end: mean", "min": "least"}
        return table[["dataset", *several, "layer_a", "stitches", "kept", "mean", "min"]].rename(columns=names)

    def figure(self, rows: pandas.DataFrame, kept: Sequence[Kept]) -> Figure | None:
        """A panel for each layer: relative accuracy along every line, and mean and standard deviation over lines."""
        ends = _ends(rows)
        if ends.empty:
            return None
        lines, parts = _lines(rows), list(settings(ends))
        figure, axes = figures.panels(len(parts), title="Maps between two trained stitches")
        for panel, (title, part) in zip(axes, parts, strict=True):
            same = [*curves.APART, "layer_a"]
            here = lines[(lines[same] == part[same].iloc[0]).all(axis=1)]
            good = int((part["value"] >= self.threshold).sum())
            _draw(panel, here)
            panel.axhline(self.threshold, color="0.5", linestyle=":", linewidth=1, label="threshold")
            panel.set(xlim=(-0.03, 1.03), ylim=(-0.02, 1.08))
            figures.describe(
                panel,
                f"{title}: {good} of {len(part)} stitches kept",
                "share of the first stitch",
                "accuracy relative to Model 2",
            )
        figures.legend(figure, axes)
        return figure


def _between(first: Affine, second: Affine, shares: Sequence[float]) -> Affine:
    """share * first + (1 - share) * second for each share, side by side."""
    import torch

    def mixed(one, other):
        return None if one is None else torch.stack([share * one + (1 - share) * other for share in shares])

    return Affine(mixed(first.weight, second.weight), mixed(first.bias, second.bias))


def _scores(affine: Affine, case: Case, bench: Bench) -> list[dict[str, float]]:
    """Quantity -> value, for one map or for each of several maps."""
    outputs = bench.logits(affine, case)
    scores = [bench.score(logits, case) for logits in (outputs if outputs.ndim == 3 else outputs[None])]
    if not all(math.isfinite(each.relative_accuracy) for each in scores):
        raise ArithmeticError(f"Model 2, {case.b.name}, is right on no image: relative accuracy is undefined")
    return [{name: getattr(each, name) for name in QUANTITIES} for each in scores]


def _rows(scores: dict[str, float], which: str) -> list[Row]:
    return [Row(f"{name}/{which}", value) for name, value in scores.items()]


def _ends(rows: pandas.DataFrame) -> pandas.DataFrame:
    """Relative accuracies of the stitches themselves."""
    ok = rows[(rows["status"] == "ok") & rows["quantity"].str.fullmatch(r"relative_accuracy/\d+")]
    return ok.assign(value=ok["value"].astype(float))


def _lines(rows: pandas.DataFrame) -> pandas.DataFrame:
    """Relative accuracies along lines, with the columns `first`, `second` and `share`."""
    parts = rows["quantity"].str.extract(r"^relative_accuracy/(?P<first>\d+)-(?P<second>\d+)/(?P<share>[\d.]+)$")
    ok = rows.join(parts)[(rows["status"] == "ok") & parts["share"].notna()]
    return ok.assign(value=ok["value"].astype(float), share=ok["share"].astype(float)).sort_values("share")


def _ratio(values: pandas.Series) -> float:
    """Lowest value along a line divided by the lower of its two ends; values are sorted by share."""
    lower = min(values.iloc[0], values.iloc[-1])
    return values.min() / lower if lower else math.nan


def _draw(axes: Axes, lines: pandas.DataFrame) -> None:
    if lines.empty:
        axes.text(
            0.5,
            0.5,
            "no two stitches to join",
            ha="center",
            va="center",
            transform=axes.transAxes,
            fontsize=figures.STYLE["axes.labelsize"],
        )
        return
    for _, line in lines.groupby(LINE):
        axes.plot(line["share"], line["value"], color=figures.colour(0), linewidth=0.6, alpha=0.5, label="a line")
    means = curves.spread(lines, ["share"])
    figures.band(axes, means["share"], means["mean"], means["std"], "mean and standard deviation over lines")


@hookimpl
def simbench_experiments():
    return [Connectivity()]
