"""How reliable a target is when stitches are fitted again: on the other half of the train inputs.

`reliability` tells the noise of the test inputs. Stitches fitted on two halves of the train inputs, and scored on the
same test inputs, tell that of the fit: the correlation of their scores over pairs of networks, and by the formula of
Spearman and Brown what it would be for stitches fitted on all train inputs.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from simbench.columns import REFIT, REFIT_HALVES, TARGETS
from simbench.statistics.grids import Grid, Variable
from simbench.statistics.reliability import reliability

#: What a reliability is of.
KEY = ["dataset", "model_a", "model_b", "panel", "samples", "seed", "method", "params", "layer", "target"]


def refit_reliabilities(measurements: pd.DataFrame) -> pd.DataFrame:
    """A row for each stitcher, target and layer of the rows of kind REFIT: the columns KEY, `refit_reliability` (NaN
    below three pairs, and where scores do not vary) and `pairs`, the number of pairs of networks that were refitted.

    measurements: columns as in measurements.csv; quantities are a target and one of REFIT_HALVES. Rows that are not ok,
    and pairs of which one half is missing, are left out.
    """
    rows = measurements[(measurements["kind"] == REFIT) & (measurements["status"] == "ok")]
    rows = rows if "panel" in rows else rows.assign(panel="")  # tables of before there were panels
    names = {f"{target}{ending}": (target, ending) for target in TARGETS for ending in REFIT_HALVES}
    rows = rows[rows["quantity"].isin(list(names))]
    layer = rows["layer_a"].where(rows["layer_a"] == rows["layer_b"], rows["layer_a"] + " -> " + rows["layer_b"])
    target, half = ([names[quantity][at] for quantity in rows["quantity"]] for at in (0, 1))
    rows = rows.assign(layer=layer, target=target, half=half, value=rows["value"].astype(float))
    of_layers = []
    for key, part in rows.groupby(KEY, sort=False):
        pairs = part.pivot_table("value", ["seed_a", "seed_b"], "half").reindex(columns=list(REFIT_HALVES)).dropna()
        value = reliability(pairs.to_numpy()[:, None]) if len(pairs) else np.nan
        of_layers.append([*key, value, len(pairs)])
    return pd.DataFrame(of_layers, columns=[*KEY, "refit_reliability", "pairs"])


class Refits:
    """Reliabilities of the targets of grids, by layer; of several settings that of the most inputs, then of the
    smallest seed."""

    def __init__(self, measurements: pd.DataFrame) -> None:
        known = refit_reliabilities(measurements).sort_values(["samples", "seed"], ascending=[True, False])
        names = [name for name in KEY if name not in ("samples", "seed")]
        keys = known[names].itertuples(index=False, name=None)
        self._known = dict(zip(keys, known["refit_reliability"], strict=True))

    def of(self, grid: Grid, y: Variable, layers: list[str]) -> float:
        """Mean over some layers, of those where it is known; else NaN."""
        (method, params, target), (dataset, _, *models_and_panel) = y.name, grid.group
        keys = [(dataset, *models_and_panel, method, params, layer, target) for layer in layers]
        values = [self._known.get(key, np.nan) for key in keys]
        known = [value for value in values if np.isfinite(value)]
        return float(np.mean(known)) if known else np.nan
