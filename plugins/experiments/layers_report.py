"""Tables and heat maps of layers against layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simbench_plugins.experiments import curves

from simbench.results import figures

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

#: The columns that name two networks and their data; the layers come after them.
PAIR = ["dataset", "model_a", "seed_a", "model_b", "seed_b"]
LAYERS = ["layer_a", "layer_b"]
#: Scores of a stitched network that stand in the table; of features, which have none, the residual does.
SCORES = ("accuracy", "relative_accuracy", "agreement", "r2", "relative_r2", "mean_squared_error", "agreement_r2")
#: Those of untrained fronts, and of a network alone.
FRESH, OWN = ("accuracy", "agreement", "r2", "agreement_r2", "residual"), ("accuracy", "r2")
#: What a heat map shows: the first that there is.
SHOWN = ("accuracy", "agreement", "r2", "agreement_r2", "residual")


def table(rows: pandas.DataFrame) -> pandas.DataFrame:
    """A row for each two layers: the value of each index, the scores of each stitcher, and those of its untrained
    fronts. What has the same name in all rows is left out, but for the layers. An accuracy of Model 1 and of Model 2
    alone stand beside them."""
    import pandas as pd

    parts = []
    values = curves.numbers(rows[rows["kind"] == "index"], "similarity")
    for view, some in values.groupby("view", sort=False):
        suffix = f" ({view})" if values["view"].nunique() > 1 else ""
        parts.append(_wide(curves.named(some), suffix))
    stitched = rows[rows["kind"] == "stitcher"]
    for quantity in [name for name in SCORES if len(curves.numbers(stitched, name))] or ["residual"]:
        for kind, suffix in (("stitcher", f": {quantity}"), ("untrained", f": {quantity}, untrained")):
            some = curves.numbers(rows[rows["kind"] == kind], quantity)
            if len(some) and (kind == "stitcher" or quantity in FRESH):
                parts.append(_wide(curves.named(some), suffix))
    if not parts:
        return rows[[]]
    wide = pd.concat(parts, axis=1, sort=False).reset_index()
    for quantity in OWN:
        alone = curves.numbers(rows[rows["kind"] == "network"], quantity)
        named = zip(alone["dataset"], alone["model_a"], alone["seed_a"], strict=True)
        own = dict(zip(named, alone["value"], strict=True))
        for side in "ab" if own else "":
            keys = zip(wide["dataset"], wide[f"model_{side}"], wide[f"seed_{side}"], strict=True)
            wide[f"{quantity} of {side}"] = [own.get(key) for key in keys]
    same = [name for name in PAIR if wide[name].nunique() == 1]
    return wide.drop(columns=same)


def _wide(rows: pandas.DataFrame, suffix: str) -> pandas.DataFrame:
    wide = rows.pivot_table(index=[*PAIR, *LAYERS], columns="stitcher", values="value", sort=False)
    return wide.rename(columns=lambda name: f"{name}{suffix}").rename_axis(columns=None)


def figure(rows: pandas.DataFrame) -> Figure | None:
    """For each two networks two heat maps side by side: an index, and the accuracy (R2) of stitched networks, or where
    there are no labels their agreement with Model 2. They stand for the first index and the first stitcher."""
    maps = [(title, part) for title, part in _maps(rows) if not part.empty]
    if not maps:
        return None
    figure, axes = figures.panels(len(maps), 2, "Layers against layers")
    for panel, (title, part) in zip(axes, maps, strict=True):
        layers_a, layers_b = (list(dict.fromkeys(part[name])) for name in LAYERS)
        grid = part.pivot_table(index="layer_a", columns="layer_b", values="value").reindex(layers_a, columns=layers_b)
        image = panel.imshow(grid.to_numpy(float), vmin=0, vmax=max(1.0, float(grid.max().max())), aspect="auto")
        panel.grid(False)
        panel.set_yticks(range(len(layers_a)), layers_a)
        figures.describe(panel, title, f"layer of {part['model_b'].iloc[0]}", f"layer of {part['model_a'].iloc[0]}")
        figures.ticks(panel, layers_b)
        panel.figure.colorbar(image, ax=panel)
    return figure


def _maps(rows: pandas.DataFrame):
    for _, pair in rows[rows["kind"] != "network"].groupby([*PAIR, "samples"], sort=False):
        values = curves.named(curves.numbers(pair[pair["kind"] == "index"], "similarity"))
        stitched = curves.named(pair[pair["kind"] == "stitcher"])
        quantity = next((name for name in SHOWN if len(curves.numbers(stitched, name))), SHOWN[0])
        scores = curves.numbers(stitched, quantity)
        if len(values):
            first = values["stitcher"].iloc[0]
            yield first, values[(values["stitcher"] == first) & (values["view"] == values["view"].iloc[0])]
        if len(scores):
            first = scores["stitcher"].iloc[0]
            yield f"{quantity}, stitched by {first}", scores[scores["stitcher"] == first]
