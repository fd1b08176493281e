"""Which wrong plugins are quick tests of the conformance kit, and which long ones."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping

import pytest


def first_of_each_check(wrong: Mapping[Hashable, Collection[str]]) -> list:
    """Parameters of a test. wrong: a mistake -> the checks that it fails. Mistakes are long ones where every check that
    they fail is failed by one before: the whole kit runs on each."""
    found: set[str] = set()
    parameters = []
    for mistake, checks in wrong.items():
        parameters.append(pytest.param(mistake, marks=[] if set(checks) - found else [pytest.mark.long]))
        found |= set(checks)
    return parameters
