"""What a page shows of one index: its value beside the stitched networks', cell by cell, and along training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from simbench.columns import GROUP, INDEX, LOGARITHMIC, SIMILARITY, STITCHER, TARGETS
from simbench.report.names import Key
from simbench.results.text import specs
from simbench.statistics.disagreement import disagreements, pooled

#: What names a cell within a setting.
CELL = ["seed_a", "seed_b", "layer_a", "layer_b"]
#: Targets that a page shows beside the one that the board is ranked by.
SHOWN = "relative_accuracy"


def cells(
    measurements: pd.DataFrame, methods: pd.DataFrame, group: tuple, keys: Mapping[Key, str], ranked_by: str
) -> dict[str, Any] | None:
    """Plain data of one setting, None where nothing was stitched.

    fronts, ends, layers: names; a, b, layer: their positions, for each cell. above: the layers of the end networks and
    their positions, where some differ from those of the fronts, else None. indices: position of an index -> its value
    in each cell. targets: quantity -> stitcher -> its value in each cell; logarithms of quantities of many orders.
    disagree: stitcher -> position of an index -> [cell, rank of the index, rank of the target, ranks in the layer] of
    the cells where ranks differ most; pooled: whether these are ranks over all layers.
    """
    mine = measurements[(measurements[GROUP] == list(group)).all(axis=1) & (measurements["status"] == "ok")]
    mine = mine[mine["step"].isna()]
    stitched = mine[(mine["kind"] == STITCHER) & mine["quantity"].isin({ranked_by, SHOWN})]
    compared = mine[(mine["kind"] == INDEX) & (mine["quantity"] == SIMILARITY)]
    if stitched.empty or compared.empty:
        return None
    places = pd.MultiIndex.from_frame(stitched[CELL].drop_duplicates())
    found: dict[str, Any] = {}
    for name, column, level in (("fronts", "a", 0), ("ends", "b", 1), ("layers", "layer", 2)):
        codes, names = pd.factorize(places.get_level_values(level))
        found |= {name: list(names), column: codes.tolist()}
    crossed = (places.get_level_values(2) != places.get_level_values(3)).any()
    codes, above = pd.factorize(places.get_level_values(3))
    found["above"] = {"layers": list(above), "layer": codes.tolist()} if crossed else None
    names = specs(methods)
    targets: dict[str, dict[str, np.ndarray]] = {}
    for (quantity, method, params), rows in stitched.groupby(["quantity", "method", "params"], sort=False):
        values = _at(rows, places)
        with np.errstate(divide="ignore", invalid="ignore"):
            values = np.log(values) if quantity in LOGARITHMIC else values
        targets.setdefault(quantity, {})[names.get((method, params), method)] = values
    directions = {
        (row["method"], row["params"]): -1 if row["direction"] == -1 else 1 for row in methods.to_dict("records")
    }
    positions = {key: at for at, key in enumerate(keys)}
    indices, disagree = {}, {}
    layers = np.asarray(places.droplevel([0, 1]).map("\0".join))
    for key, rows in compared.groupby(["method", "params", "view"], sort=False):
        if key not in positions:
            continue
        values = _at(rows, places)
        indices[positions[key]] = _plain(values)
        for stitcher, target in targets.get(ranked_by, {}).items():
            sure = disagreements(values * directions.get(key[:2], 1), target * TARGETS[ranked_by], layers)
            rows = [[each.cell, each.index, each.target, each.of] for each in sure]
            disagree.setdefault(stitcher, {})[positions[key]] = rows
    plain = {quantity: {name: _plain(v) for name, v in each.items()} for quantity, each in targets.items()}
    return found | {"indices": indices, "targets": plain, "disagree": disagree, "pooled": pooled(layers)}


def layerwise(
    correlations: pd.DataFrame,
    methods: pd.DataFrame,
    settings: Sequence[tuple],
    keys: Mapping[Key, str],
    ranked_by: str,
) -> list[list[Any]]:
    """[setting, stitcher, index, layer, Spearman correlation in that layer] of correlations.csv."""
    named = {"within", "within_end", "within_accuracy", "pooled"}
    rows = correlations[(correlations["statistic"] == "spearman") & (correlations["target"] == ranked_by)]
    rows = rows[~rows["scope"].isin(named) & rows["value"].notna()]
    positions, grouped = ({each: at for at, each in enumerate(one)} for one in (keys, settings))
    names, found = specs(methods), []
    for row in rows.to_dict("records"):
        key = (row["index"], row["index_params"], row["view"])
        group = tuple(row[name] for name in GROUP)
        if key in positions and group in grouped:
            stitcher = names.get((row["stitcher"], row["stitcher_params"]), row["stitcher"])
            found.append([grouped[group], stitcher, positions[key], row["scope"], round(row["value"], 3)])
    return found


def along(measurements: pd.DataFrame, methods: pd.DataFrame) -> list[dict[str, Any]]:
    """A panel for each experiment, method, view and layer measured along a training.

    method: its name. title: experiment, layer and view. steps: of the training. series: quantity -> [mean over pairs of
    networks at each step]. Values of indices, and the accuracy of the stitched network.
    """
    rows = measurements[measurements["step"].notna() & (measurements["status"] == "ok")]
    rows = rows[rows["quantity"].isin({SIMILARITY, f"reverse_{SIMILARITY}", SHOWN})]
    names, found = specs(methods), []
    apart = ["dataset", "experiment", "model_a", "kind", "method", "params", "view", "layer_a"]
    for (dataset, experiment, model, kind, method, params, view, layer), part in rows.groupby(apart, sort=False):
        means = part.pivot_table(index="step", columns="quantity", values="value", aggfunc="mean", sort=True)
        found.append(
            {
                "method": names.get((method, params), method),
                "title": f"{experiment} ({kind}): {model} on {dataset}, {layer}, {view}",
                "steps": [int(step) for step in means.index],
                "series": {name: _plain(means[name].to_numpy(float)) for name in means},
            }
        )
    return found


def _at(rows: pd.DataFrame, places: pd.MultiIndex) -> np.ndarray:
    """(cells,) the value in each cell, NaN where there is none."""
    series = rows.drop_duplicates(CELL, keep="last").set_index(CELL)["value"]
    return series.reindex(places).to_numpy(float)


def _plain(values: np.ndarray) -> list[float | None]:
    """Numbers to five digits."""
    return [float(f"{value:.5g}") if np.isfinite(value) else None for value in values]
