"""Figures of results, each of a data frame, drawn on the Axes that it is given.

Data frames have the columns of measurements.csv or comparisons.csv (`simbench.columns`). An index that was measured
with several parameters or in several views counts as several: `called` gives every one a name of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from simbench.columns import INDEX, LOGARITHMIC, SIMILARITY, STITCHER
from simbench.results import figures
from simbench.results.text import specs
from simbench.statistics.comparisons import LEVEL

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: What names a stitch, whichever method is measured on it.
CELL = ["dataset", "model_a", "seed_a", "layer_a", "model_b", "seed_b", "layer_b"]


def called(frame: pd.DataFrame, methods: pd.DataFrame) -> pd.DataFrame:
    """Measurements or comparisons whose methods are named by their specs, such as `cka[kernel=rbf]`, and indices of
    several views by spec and view, such as `cka (pooled)`; columns of parameters are empty.

    methods: of methods.csv.
    """
    sides = [["method", "params", "view"]]
    if "index_a" in frame:
        sides = [[f"index_{side}", f"index_{side}_params", f"view_{side}"] for side in "ab"]
    indices = frame["kind"] == INDEX if "kind" in frame else pd.Series(True, frame.index)
    rows = [list(frame[side].itertuples(index=False, name=None)) for side in sides]
    views = Counter(key[:2] for key in {key for side in rows for key, one in zip(side, indices, strict=True) if one})
    names = specs(methods)

    def name(key: tuple[str, str, str], index: bool) -> str:
        spec = names.get(key[:2]) or (f"{key[0]}[{key[1]}]" if key[1] else key[0])
        return f"{spec} ({key[2]})" if index and views[key[:2]] > 1 else spec

    for (method, params, _), keys in zip(sides, rows, strict=True):
        frame = frame.assign(**{method: list(map(name, keys, indices)), params: ""})
    return frame


def scatter(frame: pd.DataFrame, axes: Axes, index: str, stitcher: str, target: str = "relative_accuracy") -> None:
    """Index against stitched networks: a point for each pair of networks and layer, coloured by layer.

    frame: measurements. index, stitcher: names. ValueError where no cell has both, or where a name stands for several.
    """
    ok = frame[(frame["status"] == "ok") & frame["step"].isna()]
    xs = _one(ok[(ok["kind"] == INDEX) & (ok["quantity"] == SIMILARITY)], index)
    ys = _one(ok[(ok["kind"] == STITCHER) & (ok["quantity"] == target)], stitcher, ["params"])
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
    drawn = _one(ok[(ok["kind"] == INDEX) & (ok["quantity"] == SIMILARITY)], index)
    if drawn.empty:
        raise ValueError(f"index {index!r} has no value")
    layers = sorted(drawn["layer_a"].unique(), key=in_order)
    stitched = ok[(ok["kind"] == STITCHER) & (ok["quantity"] == "relative_accuracy")]
    behind = dict(list(stitched.groupby(["method", "params"], sort=False)))
    parts = [(index, drawn), *zip(_called([(*key, "") for key in behind]), behind.values(), strict=True)]
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
    rows = _one(rows, index, ["params"])
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
    sides = [_variants(frame, side) for side in "ab"]
    keys = list(dict.fromkeys(sorted([*sides[0], *sides[1]])))
    names, places = _called(keys), {key: at for at, key in enumerate(keys)}
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
        axes.scatter(columns, rows, s=6, color="black")
    axes.grid(False)
    axes.set_xticks(range(len(names)), names, rotation=90)
    axes.set_yticks(range(len(names)), names)
    figures.describe(axes, "row predicts better than column: difference of correlations")


def heat(frame: pd.DataFrame, axes: Axes, title: str) -> None:
    """Layer against layer: mean over pairs of networks. frame: measurements of one quantity of one method."""
    means = frame.pivot_table(index="layer_a", columns="layer_b", values="value", aggfunc="mean")
    rows, columns = sorted(means.index, key=in_order), sorted(means.columns, key=in_order)
    image = axes.imshow(means.loc[rows, columns].to_numpy(float), cmap="viridis")
    axes.figure.colorbar(image, ax=axes, shrink=0.7)
    axes.grid(False)
    axes.set_xticks(range(len(columns)), columns, rotation=90)
    axes.set_yticks(range(len(rows)), rows)
    figures.describe(axes, title, "layer of Model 2", "layer of Model 1")


def _one(rows: pd.DataFrame, name: str, apart: Sequence[str] = ("params", "view")) -> pd.DataFrame:
    """The rows of a method. ValueError where they are of several parameters or views."""
    rows = rows[rows["method"] == name]
    keys = rows[list(apart)].drop_duplicates().agg(" ".join, axis=1)
    if len(keys) > 1:
        raise ValueError(f"{name!r} stands for several ({'; '.join(keys)}); give the rows of one, or those of `called`")
    return rows


def _variants(frame: pd.DataFrame, side: str) -> list[tuple[str, str, str]]:
    """Name, parameters and view of an index in each row."""
    return list(frame[[f"index_{side}", f"index_{side}_params", f"view_{side}"]].itertuples(index=False, name=None))


def _called(keys: list[tuple[str, str, str]]) -> list[str]:
    """Names of indices, with their parameters and views where names alone are not enough."""
    found = []
    for name, params, view in keys:
        others = {key[1:] for key in keys if key[0] == name}
        shown = f"{name}[{params}]" if params and len({each for each, _ in others}) > 1 else name
        found.append(f"{shown} ({view})" if len({each for _, each in others}) > 1 else shown)
    return found


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
