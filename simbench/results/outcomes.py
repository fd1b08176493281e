"""Scores of stitched networks on halves of the test inputs, from the outcomes of single inputs beside their records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy import ndarray

from simbench.columns import IDENTITY, NETWORK, STITCHER
from simbench.results.frames import Entry
from simbench.statistics.reliability import half_splits

#: Columns of a row of halves: those that name a measured number outside a training.
COLUMNS = [name for name in IDENTITY if name != "step"]
#: What names a network in one setting.
_OWN = ["dataset", "split", "samples", "seed"]


def halves(records: Iterable[Entry], arrays: Callable[[Entry], Mapping[str, ndarray]]) -> pd.DataFrame:
    """A row for each stitch and target, with `halves` (splits, 2), the target on two halves of the test inputs for each
    of `reliability.SPLITS` splits, oriented as the measured value is.

    arrays: record -> the arrays beside it; those that hold no outcomes (`Bench.outcomes`) are left out.
    """
    records = [record for record in records if record.arrays and record.labels["kind"] in (STITCHER, NETWORK)]
    unstitched = ((_network(record, "a"), arrays(record)) for record in records if record.labels["kind"] == NETWORK)
    own = {network: found for network, found in unstitched if "right" in found and _are(found, "entropy", "right")}
    rows = []
    for record in records:
        if record.labels["kind"] != STITCHER:
            continue
        stitched = arrays(record)
        if _are(stitched, "divergence", "right", "agrees"):
            labels = {name: record.labels[name] for name in COLUMNS if name != "quantity"}
            scored = _scored(stitched, _of_same(own.get(_network(record, "b"), {}), stitched))
            rows += [labels | {"quantity": quantity, "halves": values} for quantity, values in scored.items()]
    return pd.DataFrame(rows, columns=[*COLUMNS, "halves"])


def _are(arrays: Mapping[str, ndarray], scores: str, *bits: str) -> bool:
    """Whether arrays are outcomes of one number of inputs: scores (n,) and, where there are any, packed bits
    (ceil(n / 8), ...)."""
    values = arrays.get(scores)
    if values is None or values.ndim != 1 or values.dtype.kind != "f" or len(values) < 2:
        return False
    packed = [arrays[name] for name in bits if name in arrays]
    return all(each.dtype == np.uint8 and each.ndim and len(each) == -(-len(values) // 8) for each in packed)


def _of_same(own: Mapping[str, ndarray], stitched: Mapping[str, ndarray]) -> Mapping[str, ndarray]:
    """The outcomes of a network, {} unless they are of the inputs and attributes of a stitched one."""
    same = "right" in own and "right" in stitched and own["entropy"].shape == stitched["divergence"].shape
    return own if same and own["right"].shape == stitched["right"].shape else {}


def _network(record: Entry, side: str) -> tuple[Any, ...]:
    return tuple(record.labels[name] for name in (*_OWN, f"model_{side}", f"seed_{side}"))


def _scored(stitched: Mapping[str, ndarray], own: Mapping[str, ndarray]) -> dict[str, ndarray]:
    """Target -> (splits, 2). own: the outcomes of Model 2 itself; without them, only those targets that need none."""
    divergence = stitched["divergence"].astype(np.float64)
    first = half_splits(len(divergence)).astype(np.float64)
    parts = np.stack([first, 1 - first], axis=1)
    parts /= parts.sum(axis=-1, keepdims=True)

    def mean(values: ndarray) -> ndarray:
        """(splits, 2, ...) means over each half of values (n, ...)."""
        return np.tensordot(parts, values, 1)

    def shares(arrays: Mapping[str, ndarray], name: str) -> ndarray:
        """(splits, 2, attributes) shares of bits, of one attribute where there is one label."""
        bits = np.unpackbits(arrays[name], axis=0, count=len(divergence))
        return mean(bits.reshape(len(divergence), -1).astype(np.float64))

    scored = {"kl_divergence": mean(divergence)}
    if "agrees" in stitched:
        scored["agreement"] = shares(stitched, "agrees").mean(-1)
    if "entropy" in own:
        scored["cross_entropy"] = scored["kl_divergence"] + mean(own["entropy"].astype(np.float64))
        with np.errstate(divide="ignore", invalid="ignore"):
            scored["relative_accuracy"] = (shares(stitched, "right") / shares(own, "right")).mean(-1)
    return scored
