"""A check is lazy, never raises, and says in one line what it measured."""

from __future__ import annotations

import warnings

import pytest

import simbench
from simbench.check import Check, Outcome, checks
from simbench.check.outcome import Skip, require
from simbench.errors import Inapplicable, InputError

pytestmark = pytest.mark.any_rounding  # texts


def said(reason: str, error: type[Exception]):
    def rule() -> str:
        raise error(reason)

    return rule


@pytest.mark.parametrize(
    ("rule", "outcome"),
    [
        (lambda: "all is well", Outcome("passed", "all is well")),
        (lambda: require(float("nan") <= 1, "NaN is not at most 1"), Outcome("failed", "NaN is not at most 1")),
        (said("not\n  today", Skip), Outcome("skipped", "not today")),
        (said("equal widths only", Inapplicable), Outcome("skipped", "equal widths only")),
    ],
)
def test_outcome_follows_from_what_the_rule_says(rule, outcome):
    assert Check("rule", rule).run() == outcome


def test_exception_is_a_failure_that_names_the_line():
    outcome = Check("rule", said("no such thing", KeyError)).run()
    assert outcome.status == "failed"
    assert outcome.reason.startswith("KeyError: 'no such thing' (") and "test_outcome.py:" in outcome.reason


def test_warning_of_a_plugin_does_not_decide_its_outcome():
    def rule() -> str:
        warnings.warn("careful", stacklevel=1)
        return "done"

    assert Check("rule", rule).run() == Outcome("passed", "done")


def test_checks_compute_nothing_before_they_run_and_survive_a_plugin_that_always_raises():
    class Broken(simbench.Index):
        name = source = "broken"

        @property
        def claims(self):
            raise ZeroDivisionError("claims")

        def from_moments(self, m):
            raise ZeroDivisionError("value")

    found = list(checks(Broken()))
    outcomes = [check.run() for check in found]
    assert len({check.name for check in found}) == len(found)
    assert {check.name for check, outcome in zip(found, outcomes, strict=True) if outcome.status == "passed"} == {
        "bad_input"
    }
    assert all(outcome.reason and "\n" not in outcome.reason for outcome in outcomes)


def test_plugin_of_another_kind_is_refused():
    with pytest.raises(InputError, match="no conformance checks"):
        checks(simbench.Experiment())
