"""Chance level of each index: its value for inputs that do not correspond."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from simbench_plugins.experiments import curves
from simbench_plugins.experiments.pairs import first_pairs
from simbench_plugins.experiments.presets import PAPER, SMALL

from simbench import BoardColumn, Case, Experiment, Inapplicable, Row, hookimpl, number
from simbench.results import figures

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

    from simbench import Bench, Selection
    from simbench.contracts import Kept

COLUMN = BoardColumn(
    "calibrated",
    "above chance",
    "similarity above chance, (value - mean of permuted inputs) / (largest value - that mean): 0 for chance, 1 for the "
    "most similar value; mean over pairs of networks and layers, in the rows `calibrated_similarity`; else empty",
    "(value - mean over permuted inputs) / (largest value - that mean) {where}",
    layers=True,
)
#: Quantity -> label of its panel, and the suffix and style of its curve.
PANELS = {
    "similarity": ("similarity; dashed: inputs permuted", "", {}),
    "null_similarity": ("similarity; dashed: inputs permuted", ", permuted", {"linestyle": "--"}),
    "calibrated_similarity": ("similarity above chance", "", {}),
}


@dataclass(frozen=True)
class Calibration(Experiment):
    """Every index on pairs of networks at every layer, and on the same activations with the test images of Model 2 in
    random orders.

    Rows of a case: `similarity`; `null_similarity`, the mean over the random orders, which is the value by chance for
    two representations of these shapes; `p_value`, (1 + number of orders that give at least the value) / (1 +
    permutations); `calibrated_similarity`, (value - mean) / (most similar value - mean). Whole images are permuted; in
    view spatial, with all their pixels.

    permutations: number of random orders, the same for every index, pair and layer. pairs: number of ordered pairs of
    networks at every layer. slow: whether to compute indices that take more than a second for one value.
    """

    permutations: int = number(200, least=1)
    pairs: int = number(3, least=1)
    slow: bool = False

    name = "calibration"
    source = "Groger, Wen and Brbic 2026 (Revisiting the Platonic Representation Hypothesis); Phipson and Smyth 2010"
    board: ClassVar = {"calibrated_similarity": COLUMN}
    presets: ClassVar = {"default": SMALL, "paper": replace(PAPER, seeds="4")}

    def plan(self, selection: Selection) -> Iterator[Case]:
        for pair in first_pairs(selection, self.pairs, self.spec):
            for view in selection.views:
                for index in selection.indices:
                    yield Case.compare(self, selection.setting, index, pair, view, "calibration")

    def run(self, case: Case, bench: Bench) -> list[Row]:
        index = case.method
        if index.slow and not self.slow:
            raise Inapplicable(f"{index.spec} is slow ({index.slow}); {self.name}[slow=true] computes it")
        null = bench.null(index, case, self.permutations)
        rows = [Row("similarity", null.value), Row("null_similarity", null.mean), Row("p_value", null.p_value)]
        if math.isfinite(null.calibrated):
            return [*rows, Row("calibrated_similarity", null.calibrated)]
        note = (
            f"{index.spec} has no most similar value"
            if math.isinf(null.best)
            else f"permuted images give {null.mean:.6g}, the most similar value, too"
        )
        return [*rows, Row("calibrated_similarity", None, status="degenerate", note=note)]

    def summary(self, rows: pandas.DataFrame) -> pandas.DataFrame:
        """Means over pairs by index, view and layer, and the largest p-value."""
        ok = curves.named(rows[(rows["status"] == "ok") & rows["quantity"].isin([*PANELS, "p_value"])])
        if ok.empty:
            return ok[[]]
        several = [name for name in ("model_a", "model_b", "samples", "seed") if ok[name].nunique() > 1]
        key = ["dataset", *several, "layer_a", "stitcher", "view"]
        ok = ok.assign(value=ok["value"].astype(float))
        means, most = (ok.pivot_table("value", key, "quantity", how, sort=False) for how in ("mean", "max"))
        table = means.reindex(columns=list(PANELS)).assign(p_value=most["p_value"])
        names = {"layer_a": "layer", "stitcher": "index", "null_similarity": "permuted", "p_value": "largest p"}
        names["calibrated_similarity"] = "above chance"
        return table.rename_axis(columns=None).reset_index().rename(columns=names)

    def figure(self, rows: pandas.DataFrame, kept: Sequence[Kept]) -> Figure | None:
        """For each data set, pair of models and view: every index by layer, as measured and by chance; and above
        chance."""
        ok = curves.named(rows[(rows["status"] == "ok") & rows["quantity"].isin(list(PANELS))])
        if ok.empty:
            return None
        groups = list(ok.groupby([*curves.APART, "view"], sort=False))
        figure, axes = figures.panels(2 * len(groups), 2, "Indices and chance: mean and standard deviation over pairs")
        places = curves.places(ok["stitcher"])
        for at, ((dataset, model_a, model_b, *_, view), group) in enumerate(groups):
            layers = curves.in_depth(group["layer_a"], model_a, {})
            title = f"{curves.models(model_a, model_b)} on {dataset} ({view}): {curves.size(group)}"
            for quantity, (label, suffix, style) in PANELS.items():
                panel = axes[2 * at + (quantity == "calibrated_similarity")]
                some = curves.numbers(group, quantity)
                if len(some):
                    curves.draw(panel, some, "layer_a", layers, places, suffix, not style, **style)
                    figures.describe(panel, title, "layer", label)
        figures.legend(figure, axes)
        return figure


@hookimpl
def simbench_experiments():
    return [Calibration()]
