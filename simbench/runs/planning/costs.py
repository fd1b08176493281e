"""Costs of cases: learnt from the records of a results folder, or else those of a reference run."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import mean, median
from typing import Any

from simbench.contracts.case import Case
from simbench.runs.job import Job

#: Costs measured by benchmarks/costs.py.
REFERENCE = Path(__file__).with_name("reference.csv")
#: Most records that costs are learnt from.
RECORDS = 20_000
#: Seconds of a case of which nothing is known.
UNKNOWN = 1.0

#: Experiment, kind, method, view.
Key = tuple[str, str, str, str]


@dataclass(frozen=True)
class Rate:
    """each: seconds of a case, once all that it shares with others is there. shared: seconds of what cases share
    (forward passes, moments, prepared states), for each network and layer."""

    each: float
    shared: float = 0.0


def learnt(timings: Iterable[tuple[Mapping[str, Any], float]]) -> dict[Key, Rate]:
    """Rates of each key in labelled seconds of cases. The first case that needs what others share is charged with it:
    what cases take beyond their median is shared."""
    seconds: dict[Key, list[float]] = defaultdict(list)
    sides: dict[Key, set] = defaultdict(set)
    for labels, spent in timings:
        key = (labels["experiment"].partition("[")[0], labels["kind"], labels["method"], labels["view"])
        seconds[key].append(float(spent))
        for side in "ab":
            sides[key].add(tuple(labels[f"{name}_{side}"] for name in ("model", "seed", "layer")))
    return {key: _rate(spent, len(sides[key])) for key, spent in seconds.items()}


def _rate(seconds: list[float], sides: int) -> Rate:
    each = median(seconds)
    return Rate(each, max(0.0, sum(seconds) - each * len(seconds)) / sides)


def key_of(case: Case) -> Key:
    return case.experiment.name, case.kind, case.method.name if case.method else "", case.view


def reference() -> dict[Key, dict[str, float]]:
    """The rows of the reference: `each`, `shared`, and of both the part that grows with forward passes."""
    with REFERENCE.open(newline="") as file:
        return {
            (row["experiment"], row["kind"], row["method"], row["view"]): {
                name: float(row[name]) for name in ("each", "shared", "each_per_pass", "shared_per_pass")
            }
            for row in csv.DictReader(file)
        }


def records_of(job: Job) -> dict[Key, Rate]:
    """Rates learnt from the records of the results folder, of cases that gave a number."""
    some = islice(job.contents.records.values(), RECORDS)
    return learnt((record.labels, record.seconds) for record in some if not record.failed)


def seconds_of(job: Job) -> Callable[[Case], float]:
    """Seconds of a case of a job: learnt where there are records, else of the reference."""
    known = {key: rate.each for key, rate in records_of(job).items()}
    find = nearest({key: row["each"] for key, row in reference().items()} | known)
    return lambda case: find(key_of(case))


def nearest(values: Mapping[Key, float]) -> Callable[[Key], float]:
    """The value of a key, or else the mean of those that agree with it in most: in all but the view, in kind and
    method, in experiment and kind, in kind."""
    groups: dict[tuple, list[float]] = defaultdict(list)
    for key, value in values.items():
        for group in _alike(key):
            groups[group].append(value)
    means = {group: mean(found) for group, found in groups.items()}

    def find(key: Key) -> float:
        return next((means[group] for group in _alike(key) if group in means), UNKNOWN)

    return find


def _alike(key: Key) -> tuple[tuple, ...]:
    experiment, kind, method, _ = key
    return (key, (experiment, kind, method), ("", kind, method, ""), (experiment, kind), (kind,))
