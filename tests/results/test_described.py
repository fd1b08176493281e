"""What records say of their methods is believed only where a method may claim it."""

from __future__ import annotations

import pytest

from simbench.results.described import flaw

GOOD = {"kind": "index", "version": 1, "direction": -1, "low": 0.0, "high": "inf"}


@pytest.mark.parametrize("method", [{}, GOOD, {"kind": "stitcher", "version": 2}, GOOD | {"low": "-inf"}])
def test_what_a_method_may_claim_has_no_flaw(method):
    assert flaw(method) == ""


@pytest.mark.parametrize(
    ("method", "reason"),
    [
        (None, "method is of no known kind"),
        ([1], "method is of no known kind"),
        (GOOD | {"kind": "model"}, "method is of no known kind"),
        (GOOD | {"version": True}, "version True of a method; a whole number is wanted"),
        *[
            (GOOD | {"direction": bad}, f"direction {bad!r} of an index; allowed: 1, -1")
            for bad in (0, None, float("nan"), True, "1", [1])
        ],
        (GOOD | {"low": 2.0, "high": 1.0}, "range 2.0 to 1.0 of an index; two numbers are wanted"),
        (GOOD | {"low": "nan"}, "range 'nan' to 'inf' of an index; two numbers are wanted"),
        (GOOD | {"high": None}, "range 0.0 to None of an index; two numbers are wanted"),
    ],
)
def test_what_no_method_may_claim_is_named(method, reason):
    assert flaw(method) == reason
