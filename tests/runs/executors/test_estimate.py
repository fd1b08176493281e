"""The time that is left: by the mean of each kind, and by the plan for kinds of which nothing was measured."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from simbench.runs.executors.estimate import Estimate
from simbench.runs.unit import Needs, Unit


def unit(method: str, seconds: float = 0.0, layer: str = "bn1") -> Unit:
    case = SimpleNamespace(
        experiment=SimpleNamespace(spec="matching"), method=SimpleNamespace(spec=method), place=layer
    )
    return Unit(None, "cpu", 1, (case,), needs=Needs(seconds=seconds))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def estimate(units) -> tuple[Estimate, Clock]:
    clock = Clock()
    return Estimate(units, clock), clock


def test_nothing_is_known_before_a_unit_is_done():
    assert estimate([unit("cka")])[0].seconds is None


def test_each_kind_is_expected_to_take_its_mean():
    """Four cheap and two dear units on two workers: 2 * (1 + 9) seconds of work in 10 seconds of time."""
    found, clock = estimate([unit("cheap")] * 4 + [unit("dear")] * 2)
    for method, seconds in (("cheap", 2.0), ("cheap", 0.0), ("dear", 18.0)):
        found.learn(unit(method), seconds)
    clock.now = 10.0
    assert found.seconds == pytest.approx((2 * 1.0 + 1 * 18.0) * 10 / 20)


def test_the_layer_makes_another_kind_and_a_kind_without_a_plan_is_as_the_others():
    found, clock = estimate([unit("cka", layer="bn1"), unit("cka", layer="bn8"), unit("cka", layer="bn8")])
    found.learn(unit("cka", layer="bn1"), 4.0)
    clock.now = 4.0
    assert found.seconds == pytest.approx(8.0)
    found.learn(unit("cka", layer="bn8"), 1.0)
    clock.now = 5.0
    assert found.seconds == pytest.approx(1.0)


def test_a_kind_that_was_not_measured_takes_what_the_plan_says_at_the_pace_so_far():
    """Planned 1 s took 3 s; what is planned as 10 s takes 30 s."""
    found, clock = estimate([unit("cheap", 1.0), unit("dear", 10.0)])
    found.learn(unit("cheap", 1.0), 3.0)
    clock.now = 3.0
    assert found.seconds == pytest.approx(30.0)


def test_overhead_and_idle_workers_lengthen_it():
    found, clock = estimate([unit("cka")] * 4)
    found.learn(unit("cka"), 1.0)
    clock.now = 7.0
    assert found.seconds == pytest.approx(21.0)


def test_at_the_end_nothing_is_left():
    found, clock = estimate([unit("cka")])
    found.learn(unit("cka"), 1.0)
    clock.now = 1.0
    assert found.seconds == 0.0
