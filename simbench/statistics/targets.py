"""The rows of targets: scores of stitched networks, oriented so that larger is better."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from simbench.columns import IDENTITY, LOGARITHMIC, NUMERIC, STITCHER, TARGETS


def target_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of every target: of those of a classification, or where there are others, of those that there are. A row
    that is not ok and has no target as its quantity counts for all targets."""
    rows = rows[rows["kind"] == STITCHER]
    nothing = (rows["status"] != "ok") & ~rows["quantity"].isin(list(TARGETS))
    quantities = set(rows["quantity"])
    numeric = not quantities.isdisjoint(NUMERIC)
    targets = [target for target in TARGETS if target in quantities or not (numeric or target in NUMERIC)]
    parts = {target: rows[nothing | (rows["quantity"] == target)] for target in targets}
    return pd.concat(
        [part.assign(value=_oriented(part["value"], target), variable=target) for target, part in parts.items()]
    )


def _oriented(values: Any, target: str) -> Any:
    """Values of a target, larger where stitching works better; the logarithm of those that span orders of magnitude."""
    if target in LOGARITHMIC:
        with np.errstate(divide="ignore", invalid="ignore"):
            values = np.log(values)
    return values * TARGETS[target]


def with_halves(targets: pd.DataFrame, halves: pd.DataFrame | None) -> pd.DataFrame:
    """The rows of targets with a column `halves`: an array (splits, 2), None where not known."""
    if halves is None or halves.empty or targets.empty:
        return targets.assign(halves=None)
    key = [name for name in IDENTITY if name != "step"]
    places, rows = (zip(*(frame[name].to_numpy(object) for name in key), strict=True) for frame in (halves, targets))
    place = dict(zip(places, halves["halves"], strict=True))
    stepless = targets["step"].isna()
    halves = [place.get(name) if alone else None for name, alone in zip(rows, stepless, strict=True)]
    wanted = zip(halves, targets["variable"], strict=True)
    halves = [None if each is None else _oriented(each, target) for each, target in wanted]
    return targets.assign(halves=pd.Series(halves, index=targets.index, dtype=object))
