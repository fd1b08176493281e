"""The table and the figure of the controls of stitched accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from simbench_plugins.experiments import curves

from simbench.results import figures

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

    from simbench.contracts import Kept

#: Kind of a case -> what its front is called.
FRONTS = {
    "trained": "trained",
    "untrained": "untrained",
    "shuffled": "trained on shuffled labels",
    "noise": "clustered noise",
}


def table(rows: pandas.DataFrame) -> pandas.DataFrame:
    """Mean relative accuracy over pairs, a row per stitcher and layer, a column per front; and how far trained fronts
    are above the best control."""
    scores = _scores(rows)
    if scores.empty:
        return scores[[]]
    several = [name for name in ("model_a", "model_b", "samples", "seed") if scores[name].nunique() > 1]
    wide = scores.pivot_table(
        index=["dataset", *several, "stitcher", "layer_a"], columns="kind", values="value", sort=False
    )
    wide = wide[[kind for kind in FRONTS if kind in wide]]
    controls = [kind for kind in wide if kind != "trained"]
    if "trained" in wide and controls:
        wide["above the best control"] = wide["trained"] - wide[controls].max(axis=1)
    wide = wide.rename_axis(columns=None).reset_index()
    return wide.rename(columns=FRONTS | {"layer_a": "relative accuracy at"})


def figure(rows: pandas.DataFrame, kept: Sequence[Kept]) -> Figure | None:
    """A panel for each data set, pair of models and stitcher, a curve by layer for each kind of front."""
    scores = _scores(rows)
    if scores.empty:
        return None
    groups, depths = list(scores.groupby([*curves.APART, "stitcher"], sort=False)), curves.depths(kept)
    drawn, axes = figures.panels(
        len(groups), 3, "Stitched networks with trained fronts and controls: mean and standard deviation over pairs"
    )
    places = {front: at for at, front in enumerate(FRONTS.values())}
    for panel, ((dataset, model_a, model_b, *_, stitcher), group) in zip(axes, groups, strict=True):
        layers = curves.in_depth(group["layer_a"], model_a, depths)
        named = group.assign(stitcher=group["kind"].map(FRONTS))
        curves.draw(panel, named, "layer_a", layers, places)
        title = f"{stitcher}, {curves.models(model_a, model_b)} on {dataset}:\n{curves.size(group)}"
        figures.describe(panel, title, "stitched at layer", "relative accuracy (stitched / Model 2)")
    figures.legend(drawn, axes)
    return drawn


def _scores(rows: pandas.DataFrame) -> pandas.DataFrame:
    """Relative accuracies with every kind of front, by stitcher."""
    return curves.named(curves.numbers(rows[rows["kind"].isin(list(FRONTS))], "relative_accuracy"))
