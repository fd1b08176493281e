"""Indices are compared on the cells common to them, and one of low coverage does not shrink the others."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from small_correlations import one
from small_tables import index, noise, pairs_of, table, target


def test_indices_are_compared_on_the_cells_common_to_them():
    x, y = noise(0), noise(1)
    hole = index("cca", noise(2)).drop(index=0)  # networks 0 -> 1 at conv1
    found = table(index("cka", x), hole, target(y))
    assert one(found, "conv1", index="cka")["value"] == pytest.approx(
        stats.spearmanr(pairs_of(x)[1:, 0], pairs_of(y)[1:, 0]).statistic
    )
    assert "on 11 of its 12 cells, those common to the indices" in one(found, "conv1", index="cka")["note"]
    assert one(found, "conv1", index="cka")["coverage"] == 1
    assert one(found, "pooled", index="cca")["coverage"] == pytest.approx(23 / 24)
    assert "index: 1 not measured of 24 cells" in one(found, "pooled", index="cca")["note"]


def test_an_index_of_low_coverage_does_not_shrink_the_others():
    x, y, z = noise(0), noise(1), noise(2)
    alone = table(index("cka", x), target(y))
    found = table(index("cka", x), index("cca", z).iloc[:10], target(y))
    pd.testing.assert_frame_equal(alone, found[found["index"] == "cka"].reset_index(drop=True))
    row = one(found, "conv1", index="cca")
    assert row["value"] == pytest.approx(stats.spearmanr(pairs_of(z)[:5, 0], pairs_of(y)[:5, 0]).statistic)
    assert "on its own cells" in row["note"]


def test_an_index_without_any_value_has_empty_rows_and_does_not_shrink_the_others():
    x, y = noise(0), noise(1)
    alone = table(index("cka", x), target(y))
    nothing = index("cca", noise(2), view="flat").assign(value=np.nan, status="failed")
    found = table(index("cka", x), nothing, target(y))
    pd.testing.assert_frame_equal(alone, found[found["index"] == "cka"].reset_index(drop=True))
    row = one(found, index="cca", view="flat")
    assert np.isnan(row["value"]) and row["coverage"] == 0
    assert row["note"] == "undefined: no cells; index: 24 failed of 24 cells"


def test_views_are_different_indices():
    y = noise(0)
    found = table(index("cka", y), index("cka", -y, view="flat"), target(y))
    assert one(found, view="spatial")["value"] == pytest.approx(1)
    assert one(found, view="flat")["value"] == pytest.approx(-1)
