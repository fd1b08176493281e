"""A record of one case, to make tables of."""

from __future__ import annotations

from simbench.contracts import Row
from simbench.results.store import Record

LABELS = {
    "dataset": "d",
    "split": "test",
    "view": "spatial",
    "model_a": "net",
    "seed_a": "0",
    "layer_a": "bn1",
    "model_b": "net",
    "seed_b": "1",
    "layer_b": "bn1",
    "experiment": "matching",
    "kind": "index",
    "method": "cka",
    "params": "",
    "seed": 0,
    "samples": 60,
}


def record(*rows: Row, key: str = "k", run: str = "r1", method: dict | None = None, **labels) -> Record:
    return Record(key, {}, LABELS | labels, method or {}, rows, 0.123456789, run)
