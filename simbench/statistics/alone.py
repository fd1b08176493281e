"""Accuracies of the unstitched networks of a grid."""

from __future__ import annotations

import numpy as np
import pandas as pd

from simbench.columns import NETWORK


def accuracies(measurements: pd.DataFrame) -> dict[tuple[str, ...], float]:
    """(dataset, experiment, panel, model, seed) -> accuracy of an unstitched network, on the most images."""
    rows = measurements[(measurements["kind"] == NETWORK) & (measurements["quantity"] == "accuracy")]
    rows = rows[(rows["status"] == "ok") & rows["step"].isna()].sort_values("samples", kind="stable")
    rows = rows if "panel" in rows else rows.assign(panel="")
    key = ["dataset", "experiment", "panel", "model_a", "seed_a"]
    return dict(zip(rows[key].itertuples(index=False, name=None), rows["value"].astype(float), strict=True))


def of_pair(networks: dict[tuple[str, ...], float], group: tuple[str, ...], pair: tuple[str, str]) -> list[float]:
    """Accuracies of the front and the end of a pair."""
    dataset, experiment, *models, panel = group
    return [
        networks.get((dataset, experiment, panel, model, seed), np.nan)
        for model, seed in zip(models, pair, strict=True)
    ]
