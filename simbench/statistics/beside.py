"""Columns of the leaderboard that experiments declare with `simbench.BoardColumn`, averaged over networks."""

from __future__ import annotations

from typing import Any

import pandas as pd

from simbench.columns import added, dtypes

#: Columns that name an index on the leaderboard.
INDEX_KEY = ["index", "index_params", "view"]
#: Columns in which a measured row and a row of the leaderboard must agree.
SHARED = ["dataset", "model_a", "model_b", "panel", *INDEX_KEY]
#: Columns that distinguish the settings of one quantity.
_LAYERS = ["layer_a", "layer_b"]
_SETTING = ["experiment", *_LAYERS, "samples", "seed"]


def beside(measurements: pd.DataFrame | None, quantity: str, declared: Any) -> pd.DataFrame:
    """One row per index with the columns SHARED and the four columns of the quantity; empty without measurements.

    The value is the mean over networks of the rows with status ok, in the setting with the most networks.
    declared: the quantity's `simbench.BoardColumn`.
    """
    types = dtypes(added(quantity, declared))
    value, networks, layer, experiment = types
    if measurements is None:
        measured = pd.DataFrame()
    else:
        measured = measurements[(measurements["quantity"] == quantity) & (measurements["status"] == "ok")]
    if measured.empty:
        return pd.DataFrame(columns=[*SHARED, *types]).astype(dict.fromkeys(SHARED, str) | types)
    measured = measured if "panel" in measured else measured.assign(panel="")  # tables of before there were panels
    rows = measured.rename(columns={"method": "index", "params": "index_params"})
    layers = rows["layer_a"].where(rows["layer_a"] == rows["layer_b"], rows["layer_a"] + " -> " + rows["layer_b"])
    setting = [name for name in _SETTING if not (declared.layers and name in _LAYERS)]
    parts = rows.assign(**{layer: layers}).groupby(SHARED + setting)
    rows = parts.agg(**{value: ("value", "mean"), layer: (layer, _named)})
    rows = rows.assign(**{networks: [_networks(part) for _, part in parts]}).reset_index()
    rows = rows.assign(**{experiment: rows["experiment"]})
    rows = rows.sort_values([networks, *setting], ascending=[False] + [True] * len(setting))
    return rows.drop_duplicates(SHARED)[[*SHARED, *types]].astype(types)


def _named(layers: pd.Series) -> str:
    """The layer, or how many there are."""
    return layers.iloc[0] if layers.nunique() == 1 else f"{layers.nunique()} layers"


def _networks(rows: pd.DataFrame) -> int:
    """Number of different networks in measured rows."""
    return len({*zip(rows["model_a"], rows["seed_a"], strict=True), *zip(rows["model_b"], rows["seed_b"], strict=True)})
