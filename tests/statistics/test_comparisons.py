"""Holm's procedure against its definition, and the ranks that known differences allow."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simbench.statistics.comparisons import Difference, holm, ranks


def rejected(p: list[float], level: float) -> set[int]:
    """Holm's steps as he states them: the smallest p against level / d, the next against level / (d - 1), ..."""
    found: set[int] = set()
    for step, at in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        if p[at] > level / (len(p) - step):
            break
        found.add(at)
    return found


@given(st.lists(st.integers(0, 40).map(lambda x: x / 400 + 1e-4), min_size=1, max_size=7), st.integers(1, 30))
def test_adjusted_p_values_reject_what_the_steps_of_holm_reject(p, percent):
    level = percent / 100 + 0.00317  # no product of a p-value above
    assert set(np.flatnonzero(holm(np.array(p)) <= level)) == rejected(p, level)


def test_adjusted_p_values_known():
    # 4 tests: 0.01 x 4, 0.02 x 3, max(0.06, 0.022 x 2), max(0.06, 0.9)
    assert holm(np.array([0.9, 0.022, 0.01, 0.02])) == pytest.approx([0.9, 0.06, 0.04, 0.06])


def test_unknown_p_values_count_for_nothing():
    found = holm(np.array([0.01, np.nan, 0.04]))
    assert found[[0, 2]] == pytest.approx([0.02, 0.04]) and np.isnan(found[1])
    assert len(holm(np.array([]))) == 0


def gap(a: int, b: int, value: float, adjusted: float = 0.01) -> Difference:
    return Difference(a, b, value, np.nan, np.nan, np.nan, adjusted)


def test_ranks_of_a_transitive_order_are_certain():
    best, worst = ranks([gap(0, 1, -0.1), gap(0, 2, 0.1), gap(1, 2, 0.2)], 3)  # 1, then 0, then 2
    assert best.tolist() == worst.tolist() == [2, 1, 3]


def test_ranks_where_neighbours_cannot_be_told_apart():
    """0 is certainly better than 2 alone: 0 = 1 and 1 = 2, which is not transitive."""
    best, worst = ranks([gap(0, 1, 0.1, 0.2), gap(0, 2, 0.2), gap(1, 2, 0.1, 0.06)], 3)
    assert best.tolist() == [1, 1, 2] and worst.tolist() == [2, 3, 3]


def test_ranks_without_any_difference_are_all_possible():
    best, worst = ranks([gap(0, 1, 0.3, np.nan)], 2)
    assert best.tolist() == [1, 1] and worst.tolist() == [2, 2]
    assert ranks([gap(0, 1, 0.3, 0.05)], 2)[1].tolist() == [1, 2], "at the level itself"
