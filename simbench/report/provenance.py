"""Networks, rows without a value, timings and runs, for the end of a page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

from simbench.columns import NETWORK
from simbench.results.text import specs


def networks(
    measurements: pd.DataFrame,
    weights: Mapping[tuple[str, str], str],
    recipes: Mapping[str, Mapping[str, Any]],
    panels: Mapping[str, tuple[Mapping[str, str], Mapping[str, Any]]],
) -> list[dict[str, Any]]:
    """Data set, model, name, panel, accuracy, hash of the weights and how it was trained, of each network. recipes: by
    hash of the weights, where known. panels: as of `Words`, for networks of which a folder keeps no hash."""
    rows = measurements[(measurements["kind"] == NETWORK) & (measurements["quantity"] == "accuracy")]
    rows = rows.drop_duplicates(["dataset", "model_a", "seed_a", "panel"])
    rows = rows.assign(number=pd.to_numeric(rows["seed_a"], errors="coerce")).sort_values(
        ["dataset", "model_a", "panel", "number", "seed_a"], kind="stable"
    )
    found = [
        {
            "dataset": row["dataset"],
            "model": row["model_a"],
            "name": row["seed_a"],
            "panel": row["panel"],
            "accuracy": row["value"],
            "samples": row["samples"],
            "weights": weights.get((row["model_a"], row["seed_a"]))
            or panels.get(row["panel"], ({}, {}))[0].get(row["seed_a"], ""),
            "trained": f"frozen in panel {row['panel']}"
            if row["panel"]
            else f"by simbench, as {row['model_a']} trains on {row['dataset']}, from seed {row['seed_a']}"
            if row["seed_a"].isdigit()
            else "elsewhere: a file of weights",
        }
        for row in rows.to_dict("records")
    ]
    for each in found:
        hashes, frozen = panels.get(each["panel"], ({}, {}))
        known = recipes.get(each["weights"]) or (frozen if hashes.get(each["name"]) == each["weights"] else {})
        each["trained"] = "; ".join(filter(None, (each["trained"], in_words(known))))
    return found


def in_words(recipe: Mapping[str, Any]) -> str:
    """
    >>> in_words({"optimizer": "sgd", "epochs": 8, "learning_rate": 0.1, "schedule": "one_cycle", "augment": False})
    'optimizer sgd, epochs 8, learning rate 0.1, schedule one cycle, augment no'
    """
    shown = {True: "yes", False: "no"}
    texts = [
        (name, shown[value] if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value))
        for name, value in recipe.items()
        if value is not None
    ]
    return ", ".join(f"{name} {text}".replace("_", " ") for name, text in texts)


def problems(measurements: pd.DataFrame, methods: pd.DataFrame) -> list[dict[str, Any]]:
    """Status, reason, how many rows, and the methods concerned, of rows that are not ok; most frequent first.

    Reasons that differ in numbers and names of methods alone are one: the first stands for all, `more` counts others.
    """
    rows = measurements[measurements["status"] != "ok"]
    names = specs(methods)
    rows = rows.assign(called=[names.get(key, key[0]) for key in zip(rows["method"], rows["params"], strict=True)])
    texts = rows[["note", "method", "called"]].drop_duplicates().itertuples(index=False, name=None)
    alike = {key: _pattern(*key) for key in texts}
    rows = rows.assign(alike=[alike[key] for key in zip(rows["note"], rows["method"], rows["called"], strict=True)])
    found = [
        {
            "status": status,
            "reason": part["note"].iloc[0],
            "more": part["note"].nunique() - 1,
            "rows": len(part),
            "methods": ", ".join(sorted(set(part["called"]) - {""})),
        }
        for (status, _), part in rows.groupby(["status", "alike"], sort=False)
    ]
    order = ("failed", "degenerate", "skipped")
    return sorted(found, key=lambda each: (order.index(each["status"]), -each["rows"]))


def counted(measurements: pd.DataFrame) -> str:
    """How many rows have each status.

    >>> counted(pd.DataFrame({"status": ["ok", "skipped", "ok", "failed", "skipped"]}))
    'Of 5 rows 2 are ok; 1 failed, 2 were skipped.'
    """
    counts: dict[str, int] = measurements["status"].value_counts().to_dict()
    verbs = {"failed": ("failed", "failed"), "degenerate": ("is degenerate", "are degenerate"),
             "skipped": ("was skipped", "were skipped")}  # fmt: skip
    parts = [f"{counts[status]} {verb[int(counts[status] > 1)]}" for status, verb in verbs.items() if status in counts]
    ok = counts.get("ok", 0)
    return f"Of {len(measurements)} rows {ok} {'is' if ok == 1 else 'are'} ok; {', '.join(parts)}."


def _pattern(note: str, method: str, spec: str) -> str:
    """A reason without its numbers and the names of its method."""
    for name in (spec, method):
        note = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "\0", note) if name else note
    return re.sub(r"\d+(\.\d+)?", "\0", note)


def timed(timings: pd.DataFrame, methods: pd.DataFrame) -> list[dict[str, Any]]:
    """Cases, seconds and seconds per case of each method of each experiment; the slowest first."""
    names = specs(methods)
    called = [names.get(key, key[0]) for key in zip(timings["method"], timings["params"], strict=True)]
    grouped = timings.assign(called=called).groupby(["experiment", "kind", "called"], sort=False)["seconds"]
    totals = grouped.agg(["size", "sum"]).reset_index().sort_values("sum", ascending=False, kind="stable")
    return [
        {
            "experiment": row["experiment"],
            "kind": row["kind"],
            "method": row["called"],
            "cases": row["size"],
            "seconds": row["sum"],
            "each": row["sum"] / row["size"],
        }
        for row in totals.to_dict("records")
    ]
