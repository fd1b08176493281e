"""Small tables of measurements, and their correlations."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from simbench import BoardColumn
from simbench.columns import MEASUREMENTS
from simbench.statistics.correlate import correlate

#: An experiment shows to what value it pushed an index.
PUSHED = {
    "pushed_to": BoardColumn(
        "pushed", "pushed to", "made by the tests", "what the index was brought to {where} while accuracy stayed"
    )
}


def rows(
    kind: str,
    method: str,
    values: np.ndarray,
    quantity: str = "similarity",
    view: str = "spatial",
    model_a: str = "m",
    model_b: str = "m",
    dataset: str = "d",
    **others,
) -> pd.DataFrame:
    """One row per ordered pair of different networks and layer; values (networks_a, networks_b, layers)."""
    table = []
    for (a, b, layer), value in np.ndenumerate(values):
        if model_a != model_b or a != b:
            table.append(
                {
                    "dataset": dataset,
                    "split": "test",
                    "view": view,
                    "model_a": model_a,
                    "seed_a": str(a),
                    "layer_a": f"conv{layer + 1}",
                    "model_b": model_b,
                    "panel": "",
                    "seed_b": str(b),
                    "layer_b": f"conv{layer + 1}",
                    "experiment": "matching",
                    "kind": kind,
                    "method": method,
                    "params": "",
                    "quantity": quantity,
                    "step": None,
                    "samples": 100,
                    "seed": 0,
                    "value": value,
                    "status": "ok",
                    "note": "",
                    **others,
                }
            )
    return pd.DataFrame(table, columns=list(MEASUREMENTS))


def index(method: str, values: np.ndarray, **others) -> pd.DataFrame:
    return rows("index", method, values, **others)


def target(values: np.ndarray, quantity: str = "relative_accuracy", method: str = "ls", **others) -> pd.DataFrame:
    return rows("stitcher", method, values, quantity, **others)


def methods(**directions: int) -> pd.DataFrame:
    table = [{"kind": "index", "method": name, "params": "", "direction": d} for name, d in directions.items()]
    return pd.DataFrame([*table, {"kind": "stitcher", "method": "ls", "params": "", "direction": None}])


def noise(seed: int, networks: int = 4, layers: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).random((networks, networks, layers))


def pairs_of(values: np.ndarray) -> np.ndarray:
    """(pairs, layers) without the diagonal."""
    return values[~np.eye(len(values), dtype=bool)]


def table(*parts: pd.DataFrame, intervals: bool = False, permutations: int = 0, **directions: int) -> pd.DataFrame:
    measurements = pd.concat(parts, ignore_index=True)
    names = dict.fromkeys(measurements[measurements["kind"] == "index"]["method"], 1)
    return correlate(measurements, methods(**names | directions), None, permutations, intervals=intervals).table


def measured_stitches(rows: Iterable[dict], **common) -> pd.DataFrame:
    """Measurements of stitches from net 0 to net 1 at bn1, 60 inputs, ok; `common` and rows say what differs."""
    plain = dict.fromkeys(MEASUREMENTS, "") | {
        "dataset": "d",
        "model_a": "net",
        "model_b": "net",
        "panel": "",
        "samples": 60,
        "seed": 0,
        "seed_a": "0",
        "seed_b": "1",
        "layer_a": "bn1",
        "status": "ok",
        "value": np.nan,
    }
    return pd.DataFrame([plain | common | row for row in rows]).astype({"value": float})
