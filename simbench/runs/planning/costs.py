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
#: Key, model of b, data set.
Place = tuple[Key, str, str]
#: The rows of the reference that hold the seconds of `calibration.machine_seconds`, and of a forward pass.
MACHINE: Key = ("", "machine", "", "")
PASS: Key = ("", "pass", "", "")


@dataclass(frozen=True)
class Rate:
    """each: seconds of a case, once all that it shares with others is there. shared: seconds of what cases share
    (forward passes, moments, prepared states), for each network and layer."""

    each: float
    shared: float = 0.0

    def times(self, factor: float) -> Rate:
        return Rate(self.each * factor, self.shared * factor)


def rates(timings: Iterable[tuple[Mapping[str, Any], float]]) -> dict[Place, Rate]:
    """Rates of labelled seconds of cases, by kind of case, model and data. The first case that needs what others share
    is charged with it: what cases take beyond their median is shared."""
    seconds: dict[Place, list[float]] = defaultdict(list)
    sides: dict[Place, set] = defaultdict(set)
    for labels, spent in timings:
        key = labels["experiment"].partition("[")[0], labels["kind"], labels["method"], labels["view"]
        place = key, labels["model_b"], labels["dataset"]
        seconds[place].append(float(spent))
        for side in "ab":
            sides[place].add(tuple(labels[f"{name}_{side}"] for name in ("model", "seed", "layer")))
    return {place: _rate(spent, len(sides[place])) for place, spent in seconds.items()}


def _rate(seconds: list[float], sides: int) -> Rate:
    each = median(seconds)
    return Rate(each, max(0.0, sum(seconds) - each * len(seconds)) / sides)


def learnt(job: Job) -> dict[Place, Rate]:
    """Rates of the records of the results folder that did not fail, of so many at most."""
    some = islice(job.contents.records.values(), RECORDS)
    return rates((record.labels, record.seconds) for record in some if not record.failed)


def reference() -> dict[Key, tuple[Rate, Rate]]:
    """Of each kind of case of the reference: its seconds, and what is added in forward passes."""
    with REFERENCE.open(newline="") as file:
        return {
            (row["experiment"], row["kind"], row["method"], row["view"]): (
                Rate(float(row["each"]), float(row["shared"])),
                Rate(float(row["each_per_pass"]), float(row["shared_per_pass"])),
            )
            for row in csv.DictReader(file)
        }


class Costs:
    """Rates of the cases of a job: those of its records where there are some of the kind, model and data; else those of
    the reference, times the median ratio of both where there are records of the model and data.

    passes: seconds of a forward pass of each model over its inputs. machine: seconds of `machine_seconds`. Without
    them, as in the reference.
    """

    def __init__(self, job: Job, passes: Mapping[str, float] | None = None, machine: float | None = None) -> None:
        self._reference = reference()
        usual = {key: self._reference.pop(key)[0].each for key in (MACHINE, PASS)}
        self.slower = 1.0 if machine is None else machine / usual[MACHINE]
        self._passes, self._pass = passes or {}, usual[PASS]
        self._fixed = nearest({key: fixed for key, (fixed, _) in self._reference.items()})
        self._growing = nearest({key: growing for key, (_, growing) in self._reference.items()})
        self._known = learnt(job)
        self._found: dict[tuple, Rate] = {}
        ratios: dict[tuple[str, str], list[float]] = defaultdict(list)
        for (key, *where), rate in self._known.items():
            usually = self._scaled(key, where[0])
            if key in self._reference and usually.each > 0:
                ratios[where[0], where[1]].append(rate.each / usually.each)
        self._ratio = {where: median(found) for where, found in ratios.items()}

    def __call__(self, case: Case) -> Rate:
        place = place_of(case)
        if place not in self._found:
            key, *where = place
            ratio = self._ratio.get((where[0], where[1]), 1.0)
            self._found[place] = self._known.get(place) or self._scaled(key, where[0]).times(ratio)
        return self._found[place]

    def known(self, case: Case) -> bool:
        """Whether the cost of a case is learnt from records of its kind."""
        return place_of(case) in self._known

    def pass_of(self, model: str) -> float:
        """Seconds of a forward pass of a network of a model over its inputs."""
        return self._passes.get(model, self._pass)

    def _scaled(self, key: Key, model: str) -> Rate:
        """A rate of the reference on this machine, for a model."""
        fixed, growing, one = self._fixed(key), self._growing(key), self.pass_of(model)
        each = fixed.each * self.slower + growing.each * one
        return Rate(each or UNKNOWN, fixed.shared * self.slower + growing.shared * one)


def place_of(case: Case) -> Place:
    key = case.experiment.name, case.kind, case.method.name if case.method else "", case.view
    return key, case.b.model.spec, case.setting.dataset.label


def nearest(rates: Mapping[Key, Rate]) -> Callable[[Key], Rate]:
    """The rate of a key, or else the mean of those that agree with it in most: in all but the view, in kind and method,
    in experiment and kind, in kind."""
    groups: dict[tuple, list[Rate]] = defaultdict(list)
    for key, rate in rates.items():
        for group in _alike(key):
            groups[group].append(rate)

    def find(key: Key) -> Rate:
        alike = next((groups[group] for group in _alike(key) if group in groups), [Rate(0.0)])
        return Rate(mean(rate.each for rate in alike), mean(rate.shared for rate in alike))

    return find


def _alike(key: Key) -> tuple[tuple, ...]:
    experiment, kind, method, _ = key
    return (key, (experiment, kind, method), ("", kind, method, ""), (experiment, kind), (kind,))
