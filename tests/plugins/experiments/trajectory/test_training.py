"""One training serves all cases of a pair, and what breaks down on the way is one row."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from small_trajectories import LOGGED, get

from simbench import Affine, Index, Stitcher
from simbench.contracts.task import Task
from simbench.measuring.bench import Workbench
from simbench.measuring.measure import measure


@dataclass(frozen=True)
class Counting(Stitcher):
    """A training of two steps, the identity and twice the identity, that counts how often it runs; it goes on
    changing the tensor it reported."""

    runs = []
    name, source = "counting", "made by the tests"

    def from_task(self, task: Task, starts=None, on_step=None) -> Affine:
        self.runs.append(task)
        weight = torch.eye(8)
        for step in range(3):
            on_step(step, Affine(weight))
            weight += torch.eye(8)
        return Affine(weight)


def test_one_training_serves_all_cases_of_a_pair(two):
    experiment = replace(get(""), stitcher=Counting())
    cases, fresh = list(experiment.plan(two)), Workbench(two)
    Counting.runs.clear()
    ordered = sorted(cases, key=lambda one: one.a.seed)
    rows = [measure(one, fresh).rows for one in ordered]
    assert len(Counting.runs) == 2 and len(cases) == 2 * (1 + 3 * len(two.indices))
    residuals = [row.value for row in rows[0] if row.quantity == "residual"]
    assert len(set(residuals)) == len(residuals) == 2  # steps 0 and 2: each as it was when it was reported


class Silent(Counting):
    """Reports no step."""

    name = "silent"

    def from_task(self, task: Task, starts=None, on_step=None) -> Affine:
        return Affine(torch.eye(8))


@dataclass(frozen=True)
class Broken(Index):
    """Infinite from the third map on, degenerate before."""

    name, source = "broken", "made by the tests"

    def from_moments(self, m):
        return m.aa.new_tensor(math.inf if m.aa[0, 0] > 100 * m.bb[0, 0] else 0.5)

    def degenerate(self, m):
        return "too few rows"


def test_what_breaks_down_is_one_row_with_the_reason(two):
    first = next(replace(get(), stitcher=Silent()).plan(two))
    (row,) = measure(first, Workbench(two)).rows
    assert row.status == "failed" and row.note == "ArithmeticError: stitcher silent reported no step"

    class Infinite(Broken):
        name = "infinite"

        def from_moments(self, m):
            return m.aa.new_tensor(math.inf)

    broken = replace(first, experiment=get(), kind="trajectory", method=Infinite())
    (row,) = measure(broken, Workbench(two)).rows
    assert row.status == "failed" and row.note == "ArithmeticError: index infinite is inf at step 0"


def test_degenerate_values_say_why(two):
    first = next(get().plan(two))
    rows = measure(replace(first, kind="trajectory", method=Broken()), Workbench(two)).rows
    assert {(row.status, row.note) for row in rows} == {("degenerate", "too few rows")} and len(rows) == 2 * len(LOGGED)
