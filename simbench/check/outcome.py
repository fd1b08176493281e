"""A named check of a plugin, and its outcome."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from unittest import SkipTest

from simbench.errors import Inapplicable
from simbench.system.surroundings import abroad


@dataclass(frozen=True)
class Outcome:
    """status: "passed", "failed" or "skipped". reason: one line: the rule, what was measured, on what data."""

    status: str
    reason: str


class Violation(Exception):
    """The rule is broken, and how."""


class Skip(Exception):
    """The rule does not apply to this plugin, and why."""


def require(claim: bool, reason: str) -> None:
    """Raise Violation(reason) unless the claim is true; comparisons with NaN are not."""
    if not claim:
        raise Violation(reason)


def applicable(call: Callable, pairs: Iterable) -> list[tuple]:
    """(pair, call(pair)) for the pairs that the plugin applies to; Inapplicable when it applies to none."""
    results, refusal = [], Inapplicable("there is no case")
    for pair in pairs:
        try:
            results.append((pair, call(pair)))
        except Inapplicable as reason:
            refusal = reason
    if not results:
        raise refusal
    return results


@dataclass(frozen=True)
class Check:
    """One rule, bound to one configured plugin.

    name: a word, the same for every plugin of its kind.
    rule: returns what was measured; raises Violation, Skip or Inapplicable with a reason. Any other
        exception is a failure of the plugin.
    """

    name: str
    rule: Callable[[], str]

    def run(self) -> Outcome:
        """The outcome; never raises. Warnings are silenced, so that no filter of the caller changes it, and settings
        of torch or Python that the plugin changes are restored."""
        with abroad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                status, reason = "passed", self.rule()
            except Violation as violation:
                status, reason = "failed", violation
            except (Skip, Inapplicable) as skip:
                status, reason = "skipped", skip
            except Exception as error:
                status, reason = "failed", f"{type(error).__name__}: {error} ({_origin(error)})"
        return Outcome(status, " ".join(str(reason).split()))

    def __call__(self) -> None:
        """Run as a test, in pytest or unittest: AssertionError with the reason of a failure, SkipTest with that of a
        check that does not apply."""
        __tracebackhide__ = True
        outcome = self.run()
        if outcome.status == "failed":
            raise AssertionError(f"{self.name}: {outcome.reason}")
        if outcome.status == "skipped":
            raise SkipTest(f"{self.name}: {outcome.reason}")


def _origin(error: Exception) -> str:
    """Where the exception came from: the innermost line outside torch."""
    frames = traceback.extract_tb(error.__traceback__)
    frames = [frame for frame in frames if "/torch/" not in frame.filename] or frames
    return f"{frames[-1].filename}:{frames[-1].lineno}"
