"""Linear mode connectivity of stitches: the paper's experiment 6."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, ClassVar

from simbench_plugins.experiments import curves
from simbench_plugins.experiments.pairs import settings, stitched
from simbench_plugins.stitchers.task_loss import TaskLoss

from simbench import Affine, Case, Experiment, InputError, Preset, Row, Stitcher, hookimpl, nested
from simbench.results import figures

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from simbench.contracts import Kept
    from simbench.contracts.selection import Selection
    from simbench import Bench

#: The quantities along a line; stitches and lines are kept by the first.
QUANTITIES = ("relative_accuracy", "cross_entropy")
#: What tells one line from another.
LINE = ["seed_a", "seed_b", "first", "second"]


@dataclass(frozen=True)
class Connectivity(Experiment):
    """How well the maps between two trained stitches work: M_l = l M_1 + (1 - l) M_2 for l from 0 to 1, weights
    and biases alike.

    On two networks, at each layer, `starts` stitches are trained, each with a seed of its own, 0 to `starts` - 1:
    another random start and another order of the batches. Those whose relative accuracy is `threshold` or more are
    joined in pairs. All are scored on test images.
    trained: what is trained, whatever its seed. points: values of l, equally spaced, ends included. pairs: so many
    first ordered pairs of the networks.

    A case is a pair of networks at a layer. Quantities: `relative_accuracy/1` and `cross_entropy/1` of stitch 1;
    `relative_accuracy/0-2/0.30` and `cross_entropy/0-2/0.30` of 0.3 times stitch 0 and 0.7 times stitch 2. Where
    fewer than two stitches reach the threshold, `relative_accuracy` is skipped. The summary tells how far the lowest
    relative accuracy on a line lies below that of its lower end: a ratio of 1 is connected.

    Preset default: digits, at a rate at which random starts come close to the accuracy of Model 2 within 6 epochs.
    Preset paper: all layers of Tiny-10 on CIFAR-10, threshold 0.8; its text gives neither the number of stitches
    (5 here) nor that of the networks (one pair). The training is that of the authors' code: 30 epochs of Adam from
    1e-3, cut by 10 after each third, batches of 128, cropped and mirrored.
    """

    trained: Stitcher = nested("stitchers", "task_loss[init=random,epochs=6,learning_rate=0.03]")
    starts: int = 3
    threshold: float = 0.8
    points: int = 11
    pairs: int = 1

    name = "connectivity"
    source = "Csiszarik et al. 2021, section 8, experiment 6"
    presets: ClassVar = {
        "default": Preset(seeds="2", layers="bn1,bn2,bn3,bn5,bn7"),
        "paper": Preset(
            "starts=5,trained=task_loss[init=random,epochs=30,schedule=step,augment=true]",
            "tiny10[padding=valid]",
            "cifar10",
            "2",
            max_samples=50_000,
        ),
    }

    def __post_init__(self) -> None:
        for key, least in (("starts", 2), ("points", 3), ("pairs", 1)):
            if getattr(self, key) < least:
                raise InputError(f"{key} is {getattr(self, key)}; a whole number from {least} is allowed")
        if not 0 <= self.threshold < math.inf:
            raise InputError(f"threshold is {self.threshold}; a number from 0 is allowed, such as 0.8")
        if not isinstance(self.trained, str | TaskLoss):
            raise InputError(
                f"trained is {self.trained.spec}; task_loss or bottleneck is wanted, such as task_loss[init=random]"
            )

    def plan(self, selection: Selection) -> Iterator[Case]:
        for layer, a, b in stitched(selection, self.pairs, self.spec):
            yield Case(self, selection.setting, "line", self.trained, a, layer, b, layer, "spatial")

    def run(self, case: Case, context: Bench) -> list[Row]:
        maps = [context.fit(replace(self.trained, seed=seed), case) for seed in range(self.starts)]
        ends = [score for each in maps for score in _scores(each, case, context)]
        rows = [row for seed, told in enumerate(ends) for row in _rows(told, f"{seed}")]
        good = [seed for seed, told in enumerate(ends) if told["relative_accuracy"] >= self.threshold]
        if len(good) < 2:
            reason = (
                f"{len(good)} of {self.starts} stitches reach a relative accuracy of {self.threshold:g}, and a "
                "line joins two; train longer, or lower the threshold"
            )
            return [*rows, Row("relative_accuracy", None, status="skipped", note=reason)]
        shares = [i / (self.points - 1) for i in range(self.points)]
        for first, second in combinations(good, 2):
            between = _scores(_between(maps[first], maps[second], shares[1:-1]), case, context)
            for share, told in zip(shares, [ends[second], *between, ends[first]], strict=True):
                rows += _rows(told, f"{first}-{second}/{share:.4g}")
        return rows

    def summary(self, rows: pandas.DataFrame) -> pandas.DataFrame:
        """Stitches that reach the threshold and the lines between them: a row for each pair of networks and layer."""
        ends, lines = _ends(rows), _lines(rows)
        if ends.empty:
            return ends[[]]
        by = [*curves.APART, "seed_a", "seed_b", "layer_a"]
        told = ends.groupby(by, sort=False)["value"].agg(
            stitches="count", kept=lambda values: int((values >= self.threshold).sum())
        )
        ratios = lines.groupby([*by, "first", "second"], sort=False)["value"].agg(_ratio).groupby(by)
        told = told.join(ratios.agg(["mean", "min"])).reset_index()
        several = [
            name for name in ("model_a", "model_b", "seed_a", "seed_b", "samples", "seed") if told[name].nunique() > 1
        ]
        names = {"layer_a": "between stitches at", "mean": "lowest / lower end: mean", "min": "least"}
        return told[["dataset", *several, "layer_a", "stitches", "kept", "mean", "min"]].rename(columns=names)

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


def _scores(affine: Affine, case: Case, context: Bench) -> list[dict[str, float]]:
    """Quantity -> value, for one map or for each of several."""
    found = context.logits(affine, case)
    told = [context.score(logits, case) for logits in (found if found.ndim == 3 else found[None])]
    if not all(math.isfinite(each.relative_accuracy) for each in told):
        raise ArithmeticError(f"Model 2, {case.b.name}, is right on no image: relative accuracy is undefined")
    return [{name: getattr(each, name) for name in QUANTITIES} for each in told]


def _rows(told: dict[str, float], which: str) -> list[Row]:
    return [Row(f"{name}/{which}", value) for name, value in told.items()]


def _ends(rows: pandas.DataFrame) -> pandas.DataFrame:
    """Relative accuracies of the stitches themselves."""
    kept = rows[(rows["status"] == "ok") & rows["quantity"].str.fullmatch(r"relative_accuracy/\d+")]
    return kept.assign(value=kept["value"].astype(float))


def _lines(rows: pandas.DataFrame) -> pandas.DataFrame:
    """Relative accuracies along lines, with the columns `first`, `second` and `share`."""
    told = rows["quantity"].str.extract(r"^relative_accuracy/(?P<first>\d+)-(?P<second>\d+)/(?P<share>[\d.]+)$")
    kept = rows.join(told)[(rows["status"] == "ok") & told["share"].notna()]
    return kept.assign(value=kept["value"].astype(float), share=kept["share"].astype(float)).sort_values("share")


def _ratio(values: pandas.Series) -> float:
    """Lowest value along a line, in order of share, over the lower of its ends."""
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
    told = curves.spread(lines, ["share"])
    figures.band(axes, told["share"], told["mean"], told["std"], "mean and standard deviation over lines")


@hookimpl
def simbench_experiments():
    return [Connectivity()]
