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
_SETTING = ["experiment", "layer_a", "layer_b", "samples", "seed"]


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
    rows = rows.groupby(SHARED + _SETTING, as_index=False)["value"].agg(**{value: "mean", networks: "size"})
    layers = rows["layer_a"].where(rows["layer_a"] == rows["layer_b"], rows["layer_a"] + " -> " + rows["layer_b"])
    rows = rows.assign(**{layer: layers, experiment: rows["experiment"]})
    rows = rows.sort_values([networks, *_SETTING], ascending=[False] + [True] * len(_SETTING))
    return rows.drop_duplicates(SHARED)[[*SHARED, *types]].astype(types)
