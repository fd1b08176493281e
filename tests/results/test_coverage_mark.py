"""An index that has values on a part of the pairs alone is marked on the board."""

import pytest

from simbench.results.board import _partly


@pytest.mark.parametrize(
    ("covered", "mark"),
    [(0.25, " (coverage 0.25)"), (1.0, ""), (float("nan"), ""), (None, ""), (0.999, " (coverage 0.99)")],
)
def test_coverage_below_one_is_marked(covered, mark):
    assert _partly({"coverage": covered}) == mark
