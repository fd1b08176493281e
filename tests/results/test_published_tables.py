"""Tables of results/ follow from the measurements beside them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from simbench.results import folder as publish
from simbench.statistics.correlate import correlate
from simbench.statistics.leaderboard import leaderboard


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("tiny10-digits", marks=pytest.mark.long),
        pytest.param("paper-digits", marks=pytest.mark.long),
        pytest.param("paper-tiny10-cifar10", marks=pytest.mark.long),
        "paper-resnet20-cifar10",
    ],
)
def test_published_tables_follow_from_the_published_measurements(name):
    folder = Path(__file__).parents[2] / "results" / name
    tables = {name: publish.read(folder, name) for name in publish.FILES}
    target = tables["leaderboard.csv"]["target"].iloc[0]
    found = correlate(tables["measurements.csv"], tables["methods.csv"])
    layers = ~tables["correlations.csv"]["scope"].isin(["within", "within_end", "within_accuracy"])
    columns = ["stitcher", "index", "target", "scope", "statistic", "value", "low", "high", "coverage"]
    mine, published = found.table[layers.to_numpy()][columns], tables["correlations.csv"][layers][columns]
    drawn = mine["statistic"] != "soft_pairwise_accuracy"  # which needs the outcomes of single inputs
    pd.testing.assert_frame_equal(mine[drawn], published[drawn], check_dtype=False, rtol=1e-9)
    if target == "relative_accuracy":  # measured before outcomes of single inputs were kept: every layer counts
        ranked = leaderboard(found, tables["methods.csv"], target=target).table
        columns = ["stitcher", "index", "within", "within_low", "within_high", "pooled", "best_rank", "worst_rank"]
        pd.testing.assert_frame_equal(ranked[columns], tables["leaderboard.csv"][columns], check_dtype=False, rtol=1e-9)
