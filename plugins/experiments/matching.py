"""Index against stitched accuracy: the paper's experiment 1, for every index and stitcher."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from simbench_plugins.experiments import curves
from simbench_plugins.experiments.presets import AUTHORS, CONTROLS, DIRECT, FIVE, PAPER, SMALL

from simbench import Case, Experiment, Result, Row, hookimpl
from simbench.results import figures

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

    from simbench import Bench, Selection
    from simbench.contracts import Kept

#: Quantity of a stitched network -> the label of its panel.
PANELS = {
    "relative_accuracy": "relative accuracy (stitched / Model 2)",
    "cross_entropy": "cross-entropy to Model 2 (nats)",
}
#: The stitcher that leaves activations unchanged: the paper's baseline.
BASELINE = "identity"


class Matching(Experiment):
    """Every index and every stitcher on every ordered pair of networks, at every layer that both networks have.

    Indices are computed on test images; stitches are fitted on train images and scored on test images. The figure
    corresponds to the paper's figure 2: relative accuracy and cross-entropy to the outputs of Model 2 at each layer,
    mean and standard deviation over pairs of networks. Its caption gives the cross-entropy of the identity stitch over
    all layers and pairs.

    Preset paper: CIFAR-10 and Tiny-10 as the authors trained it (ResNet-20 and Inception V1 with --models). Stitches
    are trained as in the authors' code: 30 epochs of Adam, with a learning rate of 1e-3 that is divided by 10 after
    each third, on batches of 128 cropped and mirrored images. In place of the paper's "10 runs" there are the 12
    ordered pairs of four networks. Least squares has a bias, as in the authors' code; in the paper (equation 2) it has
    none.
    """

    name = "matching"
    source = "Csiszarik et al. 2021, section 5.1, figure 2"
    version = 2
    default = True
    presets: ClassVar = {
        "default": replace(SMALL, seeds="24", pairs="balanced:4", indices=f"{FIVE},{CONTROLS}", stitchers=DIRECT),
        "paper": replace(PAPER, seeds="4", stitchers=f"identity,least_squares,procrustes,task_loss[{AUTHORS}]"),
    }

    def plan(self, selection: Selection) -> Iterator[Case]:
        setting = selection.setting
        for network in selection.networks:
            yield Case.alone(self, setting, network)
        for pair in selection.pairs():
            for view in selection.views:
                for index in selection.indices:
                    yield Case.compare(self, setting, index, pair, view)
            for stitcher in selection.stitchers:
                yield Case.stitch(self, setting, stitcher, pair)

    def run(self, case: Case, bench: Bench) -> list[Row] | Result:
        if case.kind == "network":
            alone = curves.alone(case, bench)
            return Result(alone.rows, {**alone.arrays, **bench.own_outcomes(case.a)})
        if case.kind == "index":
            return [bench.similarity(case.method, case)]
        affine = bench.fit(case.method, case)
        logits = bench.logits(affine, case)
        return Result([*bench.scored(logits, case), bench.residual(affine, case)], bench.outcomes(logits, case))

    def summary(self, rows: pandas.DataFrame) -> pandas.DataFrame:
        """Mean relative accuracy of stitched networks: a row for each layer, a column for each stitcher."""
        scores = curves.named(curves.numbers(rows, "relative_accuracy"))
        if scores.empty:
            return scores[[]]
        several = [name for name in ("model_a", "model_b", "samples", "seed") if scores[name].nunique() > 1]
        wide = scores.pivot_table(
            index=["dataset", *several, "layer_a"], columns="stitcher", values="value", sort=False
        )
        return wide.rename_axis(columns=None).reset_index().rename(columns={"layer_a": "relative accuracy at"})

    def figure(self, rows: pandas.DataFrame, kept: Sequence[Kept]) -> Figure | None:
        """A row of panels for each data set and pair of models, a curve for each stitcher."""
        stitched = curves.named(rows[rows["kind"] == "stitcher"])
        stitched = stitched[(stitched["status"] == "ok") & stitched["quantity"].isin(PANELS)]
        if stitched.empty:
            return None
        groups, depths = list(stitched.groupby(curves.APART, sort=False)), curves.depths(kept)
        figure, axes = figures.panels(
            len(PANELS) * len(groups),
            len(PANELS),
            "Stitched networks by layer: mean and standard deviation over pairs of networks",
        )
        places = curves.places(stitched["stitcher"], BASELINE)
        panels = iter(axes)
        for (dataset, model_a, model_b, *_), group in groups:
            layers = curves.in_depth(group["layer_a"], model_a, depths)
            for (quantity, label), subtitle in zip(
                PANELS.items(),
                (f"{curves.models(model_a, model_b)} on {dataset}: {curves.size(group)}", _unstitched(group)),
                strict=True,
            ):
                panel = next(panels)
                curves.draw(panel, curves.numbers(group, quantity), "layer_a", layers, places)
                figures.describe(panel, subtitle, "stitched at layer", label)
                if quantity == "cross_entropy":
                    panel.set_yscale("log")
        figures.legend(figure, axes)
        return figure


def _unstitched(rows: pandas.DataFrame) -> str:
    """Cross-entropy of the baseline, as in the caption of the paper's figure 2: mean and standard deviation over all
    layers and pairs. The paper has 6.99 ± 1.96. Six pairs of the authors' Tiny-10s gave 6.77 ± 2.02 on 1,000 images of
    a JPEG copy of CIFAR-10; the standard deviation of the means of layers was 1.56 there."""
    values = curves.numbers(rows[rows["stitcher"] == BASELINE], "cross_entropy")["value"]
    return f"{BASELINE}: {values.mean():.2f} ± {values.std():.2f} over layers and pairs" if len(values) > 1 else ""


@hookimpl
def simbench_experiments():
    return [Matching()]
