"""How sparse a stitch can be: the paper's experiment 7."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from simbench_plugins.experiments import curves
from simbench_plugins.experiments.pairs import listed, parameter, settings, stitched
from simbench_plugins.stitchers.bottleneck import Bottleneck
from simbench_plugins.stitchers.lasso import Lasso
from simbench_plugins.stitchers.least_squares import LeastSquares
from simbench_plugins.stitchers.task_loss import TaskLoss

from simbench import Affine, Case, Experiment, InputError, Preset, Result, Row, Stitcher, hookimpl, nested
from simbench.results import figures

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from simbench.contracts import Kept
    from simbench.contracts.selection import Selection
    from simbench import Bench

#: Kind of case -> what it is and which parameter of its stitchers is the strength.
KINDS = {"direct": ("direct matching", "alpha"), "task": ("task loss matching", "l1")}
#: Sparsities of the matrices that are shown, as nearly as they are there.
SHOWN = (0.5, 0.8, 0.95)
#: So many weights between the threshold and ten times it say that it cuts through a cloud around zero.
CLOUD = 0.05


@dataclass(frozen=True)
class Sparsity(Experiment):
    """How well stitches with few connections work: an L1 penalty on direct matching (eq. 3, the lasso) against one
    on task loss matching, cross-entropy + l1 ||M||_1 with ||M||_1 = sum_ij |m_ij|, at growing strengths.

    Weights of absolute value below `threshold` are set to zero, and what is then left is scored, on test images;
    sparsity is the share of zeros in M (the bias is free). Each side also has its map without a penalty: least
    squares, and the same training with l1 = 0; where neurons are dead its sparsity is above 0, too. Stitches are
    fitted on train images, for the first `pairs` ordered pairs of the networks at every layer.

    alphas: strengths of the lasso, between 0 and 1, whose scale `lasso` explains. l1: strengths of task loss
        matching, in nats per unit of weight; numbers with plus signs between them. trained: task loss matching,
        whatever its l1; all have a bias or none has.
    Adam moves a weight by about the learning rate at each step, also around zero, where the penalty changes its
    sign: zeros are told from the threshold's 1e-4 only if the last rates are well below it. So the rate is cut in
    steps, as in the authors' code, to 1e-5 there and to 3e-5 in the default; with a constant rate of 1e-3 most
    zeros are missed. A row `sparsity` of a trained map has a note where more than 5 % of the weights lie between the
    threshold and ten times it.
    The paper's layer and strengths are not in its text (here bn7 of Tiny-10, where eight tenths of the weights can
    go); the threshold is. Its authors' code takes the mean of |m_ij| in place of the sum.
    """

    alphas: str = "0.003+0.03+0.1+0.2+0.3+0.5"
    l1: str = "1e-4+1e-3+0.01+0.1+0.3"
    trained: Stitcher = nested("stitchers", "task_loss[epochs=30,learning_rate=0.003,schedule=step]")
    threshold: float = 1e-4
    pairs: int = 2

    name = "sparsity"
    source = "Csiszarik et al. 2021, section 8, experiment 7, figure 8"
    presets: ClassVar = {
        "default": Preset(layers="bn7"),
        "paper": Preset(
            "pairs=10,trained=task_loss[epochs=30,schedule=step,augment=true]",
            "tiny10[padding=valid]",
            "cifar10",
            layers="bn7",
        ),
    }

    def __post_init__(self) -> None:
        for alpha in listed(self.alphas, float, "alphas"):
            Lasso(alpha)
        listed(self.l1, float, "l1")
        if self.pairs < 1:
            raise InputError(f"pairs is {self.pairs}; a whole number from 1 is allowed")
        if not self.threshold >= 0:
            raise InputError(f"threshold is {self.threshold}; a number from 0 is allowed")
        if isinstance(self.trained, Bottleneck) or not isinstance(self.trained, str | TaskLoss):
            raise InputError(f"trained is {self.trained.spec}; task_loss is wanted, such as task_loss[epochs=30]")

    def plan(self, selection: Selection) -> Iterator[Case]:
        bias = self.trained.bias
        methods = {
            "direct": [LeastSquares(bias), *(Lasso(a, bias) for a in listed(self.alphas, float, "alphas"))],
            "task": [replace(self.trained, l1=l1) for l1 in (0.0, *listed(self.l1, float, "l1"))],
        }
        for layer, a, b in stitched(selection, self.pairs, self.spec):
            for kind, stitchers in methods.items():
                for method in stitchers:
                    yield Case(self, selection.setting, kind, method, a, layer, b, layer, "spatial")

    def run(self, case: Case, context: Bench) -> Result:
        found = context.fit(case.method, case)
        size = found.weight.abs()
        weight = found.weight.where(size >= self.threshold, 0)
        near = float(((size >= self.threshold) & (size < 10 * self.threshold)).double().mean())
        note = (
            (
                f"{near:.0%} of the weights are between the threshold and ten times it: not all zeros are at zero, "
                "take a lower last learning rate"
            )
            if getattr(case.method, "l1", 0) and near > CLOUD
            else ""
        )
        rows = [
            Row("sparsity", float((weight == 0).double().mean()), note=note),
            *context.stitched(Affine(weight, found.bias), case),
        ]
        return Result(rows, {"weight": weight.float().cpu().numpy()})

    def summary(self, rows: pandas.DataFrame) -> pandas.DataFrame:
        """Means over the pairs of sparsity and relative accuracy, a row per strength of each penalty."""
        wide = _wide(rows)
        if wide.empty:
            return wide[[]]
        several = [name for name in ("model_a", "model_b", "samples", "seed") if wide[name].nunique() > 1]
        means = wide.groupby(["dataset", *several, "layer_a", "kind", "strength"])[["sparsity", "relative_accuracy"]]
        means = means.mean().reset_index()
        penalties = [
            f"{KINDS[kind][1]}={strength:g}" if strength else "none"
            for kind, strength in zip(means["kind"], means["strength"], strict=True)
        ]
        return means.assign(kind=[KINDS[kind][0] for kind in means["kind"]], strength=penalties).rename(
            columns={"strength": "penalty"}
        )

    def figure(self, rows: pandas.DataFrame, kept: Sequence[Kept]) -> Figure | None:
        """Two rows of panels per layer: |M| of one pair at a few sparsities, direct above trained, and relative
        accuracy and cross-entropy against sparsity."""
        parts = list(settings(_wide(rows)))
        if not parts:
            return None
        figure, axes = figures.panels(8 * len(parts), 4, "Stitches with an L1 penalty", 3.1, 2.9)
        for i, (title, part) in enumerate(parts):
            block = axes[8 * i : 8 * i + 8]
            for at, kind in enumerate(KINDS):
                _matrices(block[4 * at : 4 * at + 3], part[part["kind"] == kind], kept, KINDS[kind][0])
            _curves(block[3], part, "relative_accuracy", "accuracy relative to Model 2", title)
            _curves(block[7], part, "cross_entropy", "cross-entropy (nats)")
        figures.legend(figure, axes)
        return figure


def _wide(rows: pandas.DataFrame) -> pandas.DataFrame:
    """A row per case with a number: its labels, strength and quantities."""
    kept = rows[(rows["status"] == "ok") & rows["kind"].isin(KINDS)]
    labels = [*curves.APART, "layer_a", "seed_a", "seed_b", "kind", "method", "params"]
    wide = kept.pivot_table(index=labels, columns="quantity", values="value", aggfunc="first").reset_index()
    if "relative_accuracy" not in wide:
        return wide[:0]
    import numpy as np

    strength = np.where(wide["kind"] == "direct", parameter(wide, "alpha"), parameter(wide, "l1"))
    return wide.assign(strength=np.nan_to_num(strength))


def _matrices(axes: Sequence[Axes], part: pandas.DataFrame, kept: Sequence[Kept], name: str) -> None:
    """|M| of the first pair, at about the sparsities SHOWN."""
    import numpy as np

    for panel in axes:
        panel.set_axis_off()
    part = part.sort_values(["seed_a", "seed_b", "strength"])
    part = part[(part[["seed_a", "seed_b"]] == part[["seed_a", "seed_b"]].iloc[0]).all(axis=1)] if len(part) else part
    chosen = dict.fromkeys((part["sparsity"] - wanted).abs().idxmin() for wanted in SHOWN) if len(part) else {}
    for panel, at in zip(axes, chosen, strict=False):
        row = part.loc[at]
        named = [one for one in kept if all(one.labels[key] == row[key] for key in row.index if key in one.labels)]
        if not named:
            continue
        panel.set_axis_on()
        panel.grid(visible=False)
        image = panel.imshow(
            np.abs(named[0].arrays["weight"]), cmap="Greys", vmin=0, aspect="auto", interpolation="nearest"
        )
        bar = panel.figure.colorbar(image, ax=panel)
        bar.set_label("|weight|", fontsize=figures.STYLE["axes.labelsize"])
        bar.ax.tick_params(labelsize=figures.STYLE["ytick.labelsize"])
        figures.describe(
            panel,
            f"{name}, network {row['seed_a']} to {row['seed_b']}\n{row['sparsity']:.0%} sparse, "
            f"relative accuracy {row['relative_accuracy']:.2f}",
            "neuron of Model 2",
            "neuron of Model 1",
        )


def _curves(axes: Axes, part: pandas.DataFrame, quantity: str, label: str, title: str = "") -> None:
    """A quantity against sparsity: dots are pairs, lines join means over the pairs at one strength."""
    for at, (kind, (name, _)) in enumerate(KINDS.items()):
        mine = part[part["kind"] == kind]
        if mine.empty:
            continue
        means = mine.groupby("strength")[["sparsity", quantity]].mean().sort_values("sparsity")
        axes.plot(mine["sparsity"] * 100, mine[quantity], ".", color=figures.colour(at), alpha=0.4, markersize=4)
        axes.plot(
            means["sparsity"] * 100, means[quantity], color=figures.colour(at), marker="o", markersize=3.5, label=name
        )
    axes.set(xlim=(-3, 103), ylim=(0, None))
    figures.describe(axes, title, "sparsity (%)", label)


@hookimpl
def simbench_experiments():
    return [Sparsity()]
