"""How much the score of a stitched network depends on the sample to which its stitch is fitted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from simbench_plugins.experiments import curves
from simbench_plugins.experiments.presets import DIRECT, PAPER, SMALL

from simbench import Case, Experiment, Row, hookimpl
from simbench.columns import RANKED_BY, REFIT, REFIT_HALVES, TARGETS
from simbench.results import figures

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

    from simbench import Bench, Selection
    from simbench.contracts import Kept


class Refits(Experiment):
    """Every direct stitcher fitted on two halves of the train images, for every pair of networks at every layer.

    Both stitches are scored on the same test images: rows `{target}/half0` and `{target}/half1` of kind "refit". Their
    correlation over pairs of networks, corrected by the formula of Spearman and Brown, is the share of what differs
    between pairs that another sample of train images would give again (`refit_reliability`). The halves are the same
    for all pairs.
    """

    name = "refits"
    source = "Spearman 1910; Brown 1910"
    presets: ClassVar = {
        "default": replace(SMALL, seeds="24", pairs="balanced:4", stitchers=DIRECT),
        "paper": replace(PAPER, seeds="4", stitchers=DIRECT),
    }

    def plan(self, selection: Selection) -> Iterator[Case]:
        for pair in selection.pairs():
            for stitcher in selection.stitchers:
                yield Case.stitch(self, selection.setting, stitcher, pair, REFIT)

    def run(self, case: Case, bench: Bench) -> list[Row]:
        rows: list[Row] = []
        for half, ending in enumerate(REFIT_HALVES):
            affine = bench.fit(case.method, case, half=half)
            scored = bench.scored(bench.logits(affine, case), case)
            rows += [replace(row, quantity=row.quantity + ending) for row in scored if row.quantity in TARGETS]
        return rows

    def summary(self, rows: pandas.DataFrame) -> pandas.DataFrame:
        """Reliability of the target of the ranking under refits of the stitches."""
        reliabilities = self._reliabilities(rows)
        if reliabilities.empty:
            return reliabilities[[]]
        several = [name for name in ("model_a", "model_b", "samples", "seed") if reliabilities[name].nunique() > 1]
        key = ["dataset", *several, "layer"]
        wide = reliabilities.pivot_table("refit_reliability", key, "stitcher", sort=False, dropna=False)
        return wide.rename_axis(columns=None).reset_index().rename(columns={"layer": "refit reliability at"})

    def figure(self, rows: pandas.DataFrame, kept: Sequence[Kept]) -> Figure | None:
        """A panel for each data set and pair of models, a curve for each stitcher."""
        reliabilities = self._reliabilities(rows)
        reliabilities = reliabilities[reliabilities["refit_reliability"].notna()]
        if reliabilities.empty:
            return None
        groups = list(reliabilities.groupby(curves.APART, sort=False))
        figure, axes = figures.panels(len(groups), 2, "Reliability of stitched networks over other train images")
        places = curves.places(reliabilities["stitcher"])
        for panel, ((dataset, model_a, model_b, *_), group) in zip(axes, groups, strict=False):
            layers = curves.in_depth(group["layer"], model_a, {})
            curves.draw(panel, group.rename(columns={"refit_reliability": "value"}), "layer", layers, places)
            title = f"{curves.models(model_a, model_b)} on {dataset}: {group['pairs'].max()} pairs"
            figures.describe(panel, title, "stitched at layer", f"refit reliability of {RANKED_BY}")
        figures.legend(figure, axes)
        return figure

    def _reliabilities(self, rows: pandas.DataFrame) -> pandas.DataFrame:
        from simbench.statistics.refits import refit_reliabilities

        reliabilities = refit_reliabilities(rows)
        return curves.named(reliabilities[reliabilities["target"] == RANKED_BY])


@hookimpl
def simbench_experiments():
    return [Refits()]
