"""Index against stitched accuracy: the paper's experiment 1, for every index and stitcher."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from typing import TYPE_CHECKING

from simbench import Case, Experiment, Row, hookimpl

if TYPE_CHECKING:
    import pandas

    from simbench.cases import Selection
    from simbench.measure import Context


class Matching(Experiment):
    """Every index and every stitcher on every ordered pair of networks, at every layer both have.

    Indices on test images; stitches fitted on train images and scored on test images.
    """

    name = "matching"
    source = "Csiszarik et al. 2021, section 5.1"

    def plan(self, selection: Selection) -> Iterator[Case]:
        setting = selection.setting
        for network in selection.networks:
            yield Case(self, setting, "network", None, network, "", network, "", "")
        layers = dict.fromkeys(layer for chosen in selection.layers.values() for layer in chosen)
        for layer in layers:
            having = [n for n in selection.networks if layer in selection.layers[n.model.spec]]
            for a, b in permutations(having, 2):
                for view in selection.views:
                    for index in selection.indices:
                        yield Case(self, setting, "index", index, a, layer, b, layer, view)
                for stitcher in selection.stitchers:
                    yield Case(self, setting, "stitcher", stitcher, a, layer, b, layer, "spatial")

    def run(self, case: Case, context: Context) -> list[Row]:
        if case.kind == "network":
            return [Row("accuracy", context.accuracy(case.a))]
        if case.kind == "index":
            return [context.similarity(case.method, case)]
        return context.stitched(context.fit(case.method, case), case)

    def summary(self, rows: pandas.DataFrame) -> pandas.DataFrame:
        """Mean over the pairs: stitched accuracy relative to Model 2, a row per layer, a column per stitcher."""
        kept = rows[(rows["quantity"] == "relative_accuracy") & (rows["status"] == "ok")]
        if kept.empty:
            return kept[[]]
        names = {(name, params): name for name, params in zip(kept["method"], kept["params"], strict=True)}
        if len(set(names.values())) < len(names):  # one stitcher in several configurations
            names = {(name, params): f"{name}[{params}]" if params else name for name, params in names}
        kept = kept.assign(stitcher=[names[key] for key in zip(kept["method"], kept["params"], strict=True)])
        several = [name for name in ("model_a", "model_b", "samples", "seed") if kept[name].nunique() > 1]
        wide = kept.pivot_table(index=["dataset", *several, "layer_a"], columns="stitcher", values="value", sort=False)
        return wide.rename_axis(columns=None).reset_index().rename(columns={"layer_a": "relative accuracy at"})


@hookimpl
def simbench_experiments():
    return [Matching()]
