"""An index that has values on a part of the pairs alone is marked on the board."""

import pytest

from simbench.results.leader import called


@pytest.mark.parametrize(
    ("covered", "mark"),
    [(0.25, " (coverage 0.25)"), (1.0, ""), (float("nan"), ""), (None, ""), (0.999, " (coverage 0.99)")],
)
def test_coverage_below_one_is_marked(covered, mark):
    leader = {"index": "cka", "index_params": "p", "coverage": covered}
    assert called(leader, {("cka", "p"): "cka[p]"}) == f"cka[p]{mark}"
