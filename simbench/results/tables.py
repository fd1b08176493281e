"""Records -> tidy tables. CSVs are derived from the store, sorted, and never appended to."""

from __future__ import annotations

import math
from collections.abc import Iterable, Set
from pathlib import Path

import pandas as pd

from simbench.contracts import Index, Plugin, Stitcher
from simbench.contracts.case import Case
from simbench.results.store import Contents, Record
from simbench.statistics.digits import rounded
from simbench.system import atomic as durable
from simbench.system.provenance import canonical

#: Column -> meaning, in the order of measurements.csv; those before `value` say what was measured.
MEASUREMENTS = {
    "dataset": "data set, without paths",
    "split": "split it was measured on; stitches are fitted on train",
    "view": "how activations become rows: spatial, flat or pooled; empty where none applies",
    "model_a": "front (Model 1)", "seed_a": "its training seed, or the name of its weights file",
    "layer_a": "its layer",
    "model_b": "end (Model 2)", "seed_b": "its training seed, or the name of its weights file", "layer_b": "its layer",
    "experiment": "experiment with the parameters that differ from its defaults",
    "kind": "index, stitcher, network (unstitched) or a word of the experiment",
    "method": "index or stitcher", "params": "all its parameters",
    "quantity": "what the number is",
    "step": "training step, empty outside a training",
    "samples": "number of images it was measured on",
    "seed": "seed of the drawn images and of stitch training",
    "value": "the number, to the digits that hold; empty where there is none, always where skipped or failed",
    "status": "ok, degenerate, skipped or failed",
    "note": "the reason, for every status but ok",
}
IDENTITY = [name for name in MEASUREMENTS if name not in ("value", "status", "note")]

#: Column -> meaning, in the order of methods.csv.
METHODS = {
    "kind": "index or stitcher", "method": "name", "params": "all parameters", "spec": "what to type",
    "direction": "+1 larger is more similar, -1 a distance (indices)", "symmetric": "claimed: s(a, b) = s(b, a)",
    "low": "claimed smallest value", "high": "claimed largest value",
    "invariances_a": "claimed invariances of the a side", "invariances_b": "claimed invariances of the b side",
    "differentiable": "claimed", "needs": "moments, samples or task",
    "family": "maps a stitcher is confined to", "objective": "what a stitcher minimises",
    "source": "citation", "version": "of the formula", "package": "who provides it", "package_version": "its release",
}


def describe(case: Case, package: str, package_version: str) -> dict:
    """What methods.csv says of a case's method; {} when it has none."""
    method: Plugin | None = case.method
    if method is None:
        return {}
    told = {"kind": "index" if isinstance(method, Index) else "stitcher", "method": method.name,
            "params": case.labels["params"], "spec": method.spec, "source": method.source,
            "version": method.version, "package": package, "package_version": package_version}
    if isinstance(method, Index):
        claims = method.claims
        told |= {"direction": claims.direction, "symmetric": claims.symmetric, "needs": method.needs,
                 "low": _number(claims.range[0]), "high": _number(claims.range[1]),
                 "invariances_a": " ".join(sorted(claims.invariances_a)),
                 "invariances_b": " ".join(sorted(claims.invariances_b)), "differentiable": claims.differentiable}
    if isinstance(method, Stitcher):
        told |= {"needs": method.needs, "family": method.family, "objective": method.objective}
    return told


def _number(bound: float) -> float | str:
    return str(bound) if bound in (float("inf"), float("-inf")) else bound


#: Digits that hold of what rests on a trained stitch, whose gradients add up in another order on another number of
#: threads, and the share of a value's size from which on they do: 4 digits and 7 decimals for a size of 1.
TRAINED, FROM = 4, 1e-3
#: Quantities that count images: they change by whole ones or not at all.
_COUNTED = ("accuracy", "relative_accuracy", "agreement")
#: Quantities that are values of an index.
_OF_INDEX = ("similarity", "reverse_similarity", "pushed_to")


def published(measured: pd.DataFrame, described: pd.DataFrame) -> pd.DataFrame:
    """Measurements with their values to the digits that hold; records keep all. described: the methods' table.

    Nine significant digits (`digits.DIGITS`), and at most as many decimals as these are of the larger end of an index's
    claimed range, or of 1 for what is no index: nine. The size of an index without an end other than 0 is not known;
    that of a cross-entropy does not matter, because its terms are of one sign and cancel nothing.
    Four digits and at most seven decimals of what rests on a trained stitch: of a stitcher that needs a task, and of
    all kinds of rows that are an experiment's own and of no direct stitcher. Shares of images are counted, and
    published whole.
    """
    told = {(row["kind"], row["method"], row["params"]): row for row in described.to_dict("records")}
    columns = ("kind", "method", "params", "quantity", "value")
    return measured.assign(value=[_to_its_digits(value, kind, quantity.partition("/")[0], *(
        {} if kind in ("index", "stitcher") and kind != of else told.get((of, method, params), {})
        for of in ("index", "stitcher")))
        for kind, method, params, quantity, value in zip(*(measured[name] for name in columns), strict=True)])


def _to_its_digits(value: float | None, kind: str, quantity: str, index: dict, stitcher: dict) -> float:
    """index, stitcher: what the methods' table says of the row's method, {} where it is none."""
    if value is None or quantity in _COUNTED:
        return float("nan") if value is None else value
    own = kind not in ("index", "network", "stitcher")  # a kind of an experiment's own
    trained = stitcher["needs"] == "task" if stitcher else own
    size = _size(index) if index and quantity in _OF_INDEX else float(quantity != "cross_entropy")
    return rounded(value, TRAINED, size * FROM) if trained else rounded(value, unit=size)


def _size(index: dict) -> float:
    """The larger end of an index's claimed range, 0 where that is not known."""
    ends = (abs(float(index[name])) for name in ("low", "high") if index.get(name) not in (None, ""))
    return max((end for end in ends if math.isfinite(end)), default=0.0)


def current(records: Iterable[Record], preferred: Set[str] = frozenset()) -> tuple[list[Record], int]:
    """One record for each set of labels, and how many others there are (of other data, weights or limits under
    the same names, or of an older formula): a preferred one by its key, else the latest run's."""
    chosen: dict[str, Record] = {}
    records = sorted(records, key=lambda record: (record.key in preferred, record.run, record.key))
    for record in records:
        chosen[canonical(record.labels)] = record
    return list(chosen.values()), len(records) - len(chosen)


def measurements(records: Iterable[Record], preferred: Set[str] = frozenset()) -> pd.DataFrame:
    """One row per number of the `current` records, to the digits that are `published`."""
    records = list(records)
    kept = [record.labels | {"quantity": row.quantity, "step": row.step, "value": row.value, "status": row.status,
                             "note": row.note} for record in current(records, preferred)[0] for row in record.rows]
    frame = pd.DataFrame(kept, columns=list(MEASUREMENTS)).astype({"step": "Int64"})
    return _sorted(published(frame, methods(records)), IDENTITY)


def methods(records: Iterable[Record]) -> pd.DataFrame:
    """One row per method, as its latest record describes it."""
    kept: dict[tuple, dict] = {}
    for record in sorted(records, key=lambda record: (record.run, record.key)):
        if record.method:
            kept[tuple(record.method[name] for name in ("kind", "method", "params"))] = record.method
    return _sorted(pd.DataFrame(list(kept.values()), columns=list(METHODS)), ["kind", "method", "params"])


def timings(records: Iterable[Record]) -> pd.DataFrame:
    """Seconds per case, and the run that measured it."""
    names = [name for name in IDENTITY if name not in ("quantity", "step")]
    rows = [record.labels | {"seconds": round(record.seconds, 6), "run": record.run} for record in records]
    return _sorted(pd.DataFrame(rows, columns=[*names, "seconds", "run"]), names)


def runs(contents: Contents) -> pd.DataFrame:
    """One row per run that measured something."""
    columns = ["run", "command", "started", "seconds", "measured", "device", "threads", "commit", "machine", "versions"]
    flat = [{"run": name} | {key: _text(value) for key, value in told.items()}
            for name, told in sorted(contents.runs.items())]
    return pd.DataFrame(flat, columns=columns)


def _text(value):
    return "; ".join(f"{key} {item}" for key, item in value.items()) if isinstance(value, dict) else value


def _sorted(frame: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    return frame.sort_values(columns, kind="stable", ignore_index=True) if len(frame) else frame


def write(frame: pd.DataFrame, path: Path) -> bool:
    """Write a CSV whole or not at all, and only if it differs from the one there: True if so. Floats keep
    every digit they have, empty means undefined."""
    text = frame.to_csv(index=False, lineterminator="\n").encode()
    if path.is_file() and path.read_bytes() == text:
        return False
    durable.write(path, text)
    return True


#: Columns that hold numbers, empty where undefined; all others are text.
NUMBERS = ("value", "low", "high", "direction", "version", "seconds", "measured", "threads", "samples", "seed",
           "p_value", "networks", "pairs", "layers", "coverage", "rank", "within", "within_low", "within_high",
           "within_p", "pooled", "pooled_low", "pooled_high", "pooled_p", "pushed_to", "pushed_networks")


def read(path: Path) -> pd.DataFrame:
    """A table written by `write`: text columns hold '' where empty, numbers NaN."""
    names = pd.read_csv(path, nrows=0).columns
    kinds = {name: "Int64" if name == "step" else float if name in NUMBERS else str for name in names}
    numeric = [name for name in names if kinds[name] is not str]
    return pd.read_csv(path, dtype=kinds, keep_default_na=False, na_values={name: [""] for name in numeric})
