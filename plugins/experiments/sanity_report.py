"""The columns, the table and the figure of the sanity tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simbench_plugins.experiments import curves

from simbench import BoardColumn
from simbench.results import figures

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

#: Quantity -> its column of the leaderboard.
COLUMNS = {
    "layer_identification": BoardColumn(
        "identification",
        "layers found",
        "share of layers to which, of all layers of another network of the model, the corresponding one is the most "
        "similar: 1 / L for chance among L layers; mean over pairs of networks",
        "share of layers to which the corresponding layer of another network is the most similar, {where}",
    ),
    "component_sensitivity": BoardColumn(
        "components",
        "components",
        "Spearman correlation of the index with the accuracy that a network keeps when principal components of a layer "
        "are removed, mean over layers and networks",
        "correlation with the accuracy that is left when principal components are removed, {where}",
    ),
    "noise_sensitivity": BoardColumn(
        "noise",
        "noise",
        "Spearman correlation of the index with the accuracy that a network keeps when noise is added to a layer, mean "
        "over layers and networks",
        "correlation with the accuracy that is left when noise is added, {where}",
    ),
    "specificity": BoardColumn(
        "specificity",
        "specificity",
        "share of pairs of a harmless and a harmful change of a layer in which the index calls the harmless one more "
        "similar: 0.5 for chance, mean over layers and networks",
        "how often a change without cost is called more similar than a costly one, {where}",
    ),
}
#: Those of the changes of a network.
OF_CHANGES = ("component_sensitivity", "noise_sensitivity", "specificity")
ENERGY = ("energy_outside", "own_energy_outside", "relative_accuracy")


def table(rows: pandas.DataFrame) -> pandas.DataFrame:
    """Means over networks: a row per index and view with the four tests, and a row per stitcher with the energy outside
    and relative accuracy, over all layers."""
    import pandas

    ok = curves.named(rows[rows["status"] == "ok"]).rename(columns={"stitcher": "name"})
    ok = ok.assign(value=ok["value"].astype(float))
    group = ["dataset", "model_a", "name"]
    tests = ok[ok["quantity"].isin(list(COLUMNS))]
    energy = ok[(ok["kind"] == "energy") & ok["quantity"].isin(ENERGY)]
    energy = energy.groupby([*group, "layer_a", "quantity"], as_index=False, sort=False)["value"].mean()
    parts = [
        tests.pivot_table(index=[*group, "view"], columns="quantity", values="value", sort=False),
        energy.pivot_table(index=group, columns="quantity", values="value", sort=False),
    ]
    parts = [part.rename_axis(columns=None).reset_index() for part in parts if len(part)]
    if not parts:
        return rows[[]].iloc[:0]
    joined = pandas.concat(parts, ignore_index=True)
    order = [name for name in (*group, "view", *COLUMNS, *ENERGY) if name in joined]
    joined = joined[order].rename(columns={"name": "index or stitcher", "model_a": "model"})
    return joined.drop(columns="model") if joined["model"].nunique() == 1 else joined


def figure(rows: pandas.DataFrame) -> Figure | None:
    """A panel for each test of an index, with a bar per index and view, and one for the energy outside by layer."""
    ok = curves.named(rows[rows["status"] == "ok"])
    ok = ok.assign(value=ok["value"].astype(float))
    groups = list(ok.groupby(["dataset", "model_a"], sort=False))
    if not groups:
        return None
    drawn, axes = figures.panels(len(groups) * (len(COLUMNS) + 1), 3, "Sanity tests of indices and stitchers")
    panels = iter(axes)
    for (dataset, model), group in groups:
        for quantity, column in COLUMNS.items():
            part, panel = group[group["quantity"] == quantity], next(panels)
            names = part["stitcher"] + (" " + part["view"] if part["view"].nunique() > 1 else "")
            means = part.groupby(names, sort=True)["value"].mean()[::-1]
            panel.barh(range(len(means)), means.to_numpy(), color=figures.COLOURS[0])
            panel.set_yticks(range(len(means)), list(means.index))
            figures.describe(panel, f"{column.heading}, {model} on {dataset}", "mean over networks", "")
        panel, part = next(panels), group[group["kind"] == "energy"]
        layers = curves.in_depth(part["layer_a"], model, {})
        if layers:
            energy = curves.numbers(part, "energy_outside")
            own = curves.numbers(part, "own_energy_outside").assign(stitcher="Model 2 itself")
            places = curves.places([*energy["stitcher"], *own["stitcher"]], "Model 2 itself")
            for some in (energy, own):
                curves.draw(panel, some, "layer_a", layers, places)
            figures.describe(
                panel,
                f"stitched activations, {model} on {dataset}",
                "stitched at layer",
                "energy outside Model 2's subspace",
            )
            panel.legend(fontsize="small")
    return drawn
