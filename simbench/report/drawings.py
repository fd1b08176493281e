"""Figures of results, each of a data frame, drawn on the Axes that it is given.

Data frames have the columns of measurements.csv or comparisons.csv (`simbench.columns`). An index that was measured
with several parameters or in several views counts as several: `variants.called` gives every one a name of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simbench.columns import INDEX, LOGARITHMIC, SIMILARITY, STITCHER
from simbench.report.variants import of_side, one, told_apart
from simbench.results import figures
from simbench.results.leader import short
from simbench.statistics.comparisons import LEVEL

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

#: Most layers on a side of a map with numbers in its cells.
WRITTEN = 8
#: What names a stitch, whichever method is measured on it.
CELL = ["dataset", "model_a", "seed_a", "layer_a", "model_b", "seed_b", "layer_b"]


def scatter(frame: pd.DataFrame, axes: Axes, index: str, stitcher: str, target: str = "relative_accuracy") -> None:
    """Index against stitched networks: a point for each pair of networks and layer, coloured by layer.

    frame: measurements. index, stitcher: names. ValueError where no cell has both, or where a name stands for several.
    """
    ok = frame[(frame["status"] == "ok") & frame["step"].isna()]
    xs = one(ok[(ok["kind"] == INDEX) & (ok["quantity"] == SIMILARITY)], index)
    ys = one(ok[(ok["kind"] == STITCHER) & (ok["quantity"] == target)], stitcher, ["params"])
    both = xs.merge(ys, on=CELL, suffixes=("", "_y"))
    if both.empty:
        raise ValueError(f"no cell holds both index {index!r} and {target} of stitcher {stitcher!r}")
    layers = list(dict.fromkeys(both["layer_a"]))
    for layer, colour in zip(layers, _viridis(len(layers)), strict=True):
        part = both[both["layer_a"] == layer]
        axes.scatter(part["value"], part["value_y"], s=9, color=colour, label=layer, linewidths=0, alpha=0.8)
    if target in LOGARITHMIC:
        axes.set_yscale("log")
    figures.describe(axes, f"{index} against {stitcher}", index, target.replace("_", " "))


def curves(frame: pd.DataFrame, axes: Axes, index: str) -> None:
    """An index, and relative accuracy behind each stitcher, by layer: mean and standard deviation over pairs.

    An index with values beyond 1.5 has the left axis for itself.

    frame: measurements. ValueError where the index has no value, or where its name stands for several.
    """
    ok = frame[(frame["status"] == "ok") & (frame["layer_a"] == frame["layer_b"]) & frame["step"].isna()]
    drawn = one(ok[(ok["kind"] == INDEX) & (ok["quantity"] == SIMILARITY)], index)
    if drawn.empty:
        raise ValueError(f"index {index!r} has no value")
    layers = sorted(drawn["layer_a"].unique(), key=in_order)
    stitched = ok[(ok["kind"] == STITCHER) & (ok["quantity"] == "relative_accuracy")]
    behind = dict(list(stitched.groupby(["method", "params"], sort=False)))
    parts = [(index, drawn), *zip(told_apart([(*key, "") for key in behind]), behind.values(), strict=True)]
    beside = axes.twinx() if drawn["value"].abs().max() > 1.5 and len(parts) > 1 else axes
    if beside is not axes:
        beside.set_ylabel("relative accuracy")
        beside.grid(False)
    for at, (name, rows) in enumerate(parts):
        grouped = rows.groupby("layer_a")["value"]
        means, spreads = grouped.mean().reindex(layers), grouped.std().reindex(layers)
        style = {"linestyle": "-" if at == 0 else "--"}
        figures.band(
            axes if at == 0 else beside, range(len(layers)), means.to_numpy(), spreads.to_numpy(), name, at, **style
        )
    figures.ticks(axes, layers)
    figures.describe(axes, f"{index}, and relative accuracy behind each stitcher", "layer", "value")


def trajectory(frame: pd.DataFrame, axes: Axes, index: str) -> None:
    """An index along the training of a stitch, mean and standard deviation over pairs, by layer and view.

    frame: measurements. ValueError where it was not measured along a training.
    """
    rows = frame[(frame["status"] == "ok") & frame["step"].notna() & (frame["quantity"] == SIMILARITY)]
    rows = one(rows, index, ["params"])
    if rows.empty:
        raise ValueError(f"index {index!r} was not measured along a training")
    for at, ((experiment, layer, view), part) in enumerate(rows.groupby(["experiment", "layer_a", "view"], sort=False)):
        grouped = part.groupby("step")["value"]
        steps = [int(step) for step in grouped.mean().index]
        label = f"{experiment}, {layer}, {view}"
        figures.band(axes, steps, grouped.mean().to_numpy(), grouped.std().to_numpy(), label, at)
    figures.describe(axes, f"{index} along the training", "step", index)


def matrix(frame: pd.DataFrame, axes: Axes) -> None:
    """Differences of correlations, row less column; a dot where one predicts better (adjusted p at most 0.05).

    frame: comparisons of one board and stitcher. ValueError without rows.
    """
    if frame.empty:
        raise ValueError("no two indices were compared")
    sides = [of_side(frame, side) for side in "ab"]
    keys = list(dict.fromkeys(sorted([*sides[0], *sides[1]])))
    names, places = told_apart(keys), {key: at for at, key in enumerate(keys)}
    gaps, sure = np.full((len(names), len(names)), np.nan), []
    for a, b, gap, p in zip(*sides, frame["difference"], frame["adjusted"], strict=True):
        i, j = places[a], places[b]
        gaps[i, j], gaps[j, i] = gap, -gap
        sure += [(i, j), (j, i)] if p <= LEVEL else []
    limit = np.nanmax(np.abs(gaps)) or 1.0
    image = axes.imshow(gaps, cmap="PuOr", vmin=-limit, vmax=limit)
    axes.figure.colorbar(image, ax=axes, shrink=0.6, label="row less column")
    if sure:
        rows, columns = zip(*sure, strict=True)
        axes.scatter(columns, rows, s=14, color="black", edgecolors="white", linewidths=0.7)
    axes.grid(False)
    axes.set_xticks(range(len(names)), names, rotation=90)
    axes.set_yticks(range(len(names)), names)
    figures.describe(axes, f"difference of correlations, row less column; dot: adjusted p at most {LEVEL:g}")


def heat(frame: pd.DataFrame, axes: Axes, title: str) -> None:
    """Layer against layer: mean over pairs of networks; of few layers with the numbers in the cells. Colours of values
    between 0 and 1 have that range, so that maps can be compared. frame: measurements of one quantity of one method."""
    means = frame.pivot_table(index="layer_a", columns="layer_b", values="value", aggfunc="mean")
    rows, columns = sorted(means.index, key=in_order), sorted(means.columns, key=in_order)
    values = means.loc[rows, columns].to_numpy(float)
    share = np.nanmin(values) >= 0 and np.nanmax(values) <= 1
    image = axes.imshow(values, cmap="viridis", aspect="auto", **({"vmin": 0, "vmax": 1} if share else {}))
    axes.figure.colorbar(image, ax=axes)
    axes.grid(False)
    axes.set_xticks(range(len(columns)), columns, rotation=90)
    axes.set_yticks(range(len(rows)), rows)
    if max(values.shape) <= WRITTEN:
        size = min(8, 52 / len(columns))  # four digits of a panel of 3.4 inches
        for (i, j), value in np.ndenumerate(values):
            bright = image.norm(value) > 0.6  # black on yellow and green, white on blue
            if not np.isnan(value):
                shade = "black" if bright else "white"
                axes.text(j, i, short(value), ha="center", va="center", color=shade, fontsize=size)
    figures.describe(axes, title, "layer of Model 2", "layer of Model 1")


def named(frame: pd.DataFrame) -> set[str]:
    """The names that texts of a figure may hold, for `figures.literal`."""
    columns = frame.select_dtypes(exclude="number")
    return {value for name in columns for value in columns[name].unique() if isinstance(value, str)}


def in_order(name: str) -> list:
    """Layers in the order of their numbers: bn2 before bn10."""
    import re

    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def _viridis(count: int) -> np.ndarray:
    from matplotlib import colormaps

    return colormaps["viridis"](np.linspace(0, 0.92, count))
