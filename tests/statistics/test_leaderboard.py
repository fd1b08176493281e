"""Ranks, means over stitchers and warnings, on correlations written by hand."""

import itertools

import numpy as np
import pandas as pd
import pytest
from small_boards import entry, frame, leaderboard, of

from simbench.columns import LEADERBOARD
from simbench.statistics.leaderboard import warnings
from simbench.statistics.notes import SATURATED

NO_LAYER = "undefined in every layer"


def test_indices_are_ranked_by_the_correlation_within_layers():
    board = of(leaderboard(frame(entry("cca", 0.2, 0.9), entry("cka", 0.7, 0.1), entry("r2_lr", -0.3))), "ls")
    assert board["index"].tolist() == ["cka", "cca", "r2_lr"]
    assert board["rank"].tolist() == [1, 2, 3]
    assert board["pooled"].tolist() == [0.1, 0.9, 0.5]
    first = board.iloc[0]
    assert first[["within_low", "within_high"]].tolist() == pytest.approx([0.6, 0.8])
    assert first[["pooled_low", "pooled_high"]].tolist() == pytest.approx([0, 0.2])
    assert first[["within_p", "networks", "pairs", "layers", "coverage"]].tolist() == [0.01, 8, 56, 3, 1]


def test_ties_share_the_smallest_rank_and_no_value_has_none():
    entries = entry("a", np.nan, note=NO_LAYER), entry("c", 0.5), entry("b", 0.5), entry("d", 0.1)
    board = of(leaderboard(frame(*entries)), "ls")
    assert board["index"].tolist() == ["b", "c", "d", "a"]
    assert board["rank"].tolist()[:3] == [1, 1, 3]
    assert board["rank"].isna().tolist() == [False, False, False, True]
    assert board["note"].iloc[3] == NO_LAYER


def test_views_and_parameters_are_different_indices_and_stitchers():
    entries = (
        entry("cka", 0.5),
        entry("cka", 0.6, view="flat"),
        entry("cka", 0.4, index_params="estimator=debiased"),
        entry("cka", 0.9, stitcher_params="bias=false"),
    )
    board = leaderboard(frame(*entries))
    assert len(of(board, "ls")) == 4
    plain = board[(board["stitcher"] == "ls") & (board["stitcher_params"] == "")]
    assert plain["view"].tolist() == ["flat", "spatial", "spatial"]


def test_only_spearman_with_the_target_ranks():
    entries = (
        entry("a", 0.1),
        entry("b", 0.2),
        entry("a", 0.9, statistic="pearson"),
        entry("a", 0.9, target="agreement"),
    )
    assert of(leaderboard(frame(*entries)), "ls")["index"].tolist() == ["b", "a"]


def test_data_sets_and_models_are_ranked_apart():
    board = leaderboard(frame(entry("a", 0.1), entry("b", 0.2, dataset="e"), entry("c", 0.3, model_b="n")))
    assert (board["rank"] == 1).all()
    assert board["stitcher"].tolist() == ["all", "ls"] * 3


def test_all_is_the_mean_over_stitchers():
    entries = (
        entry("a", 0.1, 0.2),
        entry("b", 0.3),
        entry("a", 0.5, 0.6, "id", networks=7, coverage=0.75),
        entry("b", 0.1, stitcher="id"),
    )
    board = of(leaderboard(frame(*entries)), "all")
    assert board["index"].tolist() == ["a", "b"]
    assert board["within"].tolist() == pytest.approx([0.3, 0.2])
    assert board["pooled"].iloc[0] == pytest.approx(0.4)
    assert board[["networks", "coverage"]].iloc[0].tolist() == [7, 0.75]
    assert board.filter(regex="_(low|high|p)$").isna().all(axis=None)  # nothing is known of the networks
    assert board["note"].iloc[0] == "mean over 2 of 2 stitchers (id, ls)"


def test_all_leaves_out_stitchers_that_are_saturated_or_lack_a_ranked_index():
    saturated = f"{SATURATED}: 95% of the cells above 0.99"
    entries = (
        entry("a", 0.1),
        entry("b", 0.3),
        entry("c", np.nan, note=NO_LAYER),
        entry("a", 0.9, stitcher="id", note=saturated),
        entry("b", 0.8, stitcher="id", note=saturated),
        entry("a", 0.9, stitcher="half"),
        entry("b", np.nan, stitcher="half", note=NO_LAYER),
    )
    board = of(leaderboard(frame(*entries)), "all")
    assert board["index"].tolist() == ["b", "a", "c"]
    assert board["within"].tolist()[:2] == pytest.approx([0.3, 0.1])
    assert board["note"].iloc[0] == "mean over 1 of 3 stitchers (ls), without half (1 without a value), id (saturated)"
    assert board["note"].iloc[2] == "no value for any stitcher"
    assert board["rank"].isna().tolist() == [False, False, True]


def test_all_leaves_out_a_stitcher_that_was_measured_on_few_pairs():
    """As of a run that was interrupted: its correlations are of other pairs than those of the others."""
    entries = [entry(name, value, pairs=50) for name, value in (("a", 0.1), ("b", 0.3))]
    entries += [entry(name, 0.9 - value, stitcher="new", pairs=44) for name, value in (("a", 0.1), ("b", 0.3))]
    board = of(leaderboard(frame(*entries)), "all")
    assert board["index"].tolist() == ["b", "a"] and board["within"].tolist() == pytest.approx([0.3, 0.1])
    assert board["note"].iloc[0] == "mean over 1 of 2 stitchers (ls), without new (44 of 50 pairs)"
    entries[2:] = [entry(name, 0.9 - value, stitcher="new", pairs=45) for name, value in (("a", 0.1), ("b", 0.3))]
    assert of(leaderboard(frame(*entries)), "all")["note"].iloc[0] == "mean over 2 of 2 stitchers (ls, new)"


def test_all_is_empty_when_no_stitcher_is_left():
    note = f"{SATURATED}: standard deviation 0.0010 within layers"
    board = of(leaderboard(frame(entry("a", 0.1, note=note))), "all")
    assert board["within"].isna().all() and board["rank"].isna().all()
    assert board["note"].tolist() == ["mean over 0 of 1 stitchers, without ls (saturated)"]


def test_each_saturated_stitcher_is_warned_of_once():
    note = f"no interval: 4 networks, 6 are needed; {SATURATED}: 95% of the cells above 0.99"
    entries = (
        entry("a", 0.1, stitcher="id", note=note),
        entry("b", 0.1, stitcher="id", note=note),
        entry("a", 0.1, stitcher_params="rank=4", note=note),
        entry("a", 0.5, stitcher="task_loss"),
    )
    entries = [[row | {"target": "relative_accuracy"} for row in rows] for rows in entries]
    assert warnings(frame(*entries)) == [
        "id in matching on d, m -> m: target saturated: 95% of the cells above 0.99; correlations with "
        "relative accuracy say little there",
        "ls[rank=4] in matching on d, m -> m: target saturated: 95% of the cells above 0.99; correlations with "
        "relative accuracy say little there",
    ]
    assert warnings(frame(*entries), {("ls", "rank=4"): "short"})[1].startswith("short in matching on d")


def test_another_target_and_scope_can_be_ranked_by():
    entries = (
        entry("a", 0.1, 0.9),
        entry("b", 0.2, 0.8),
        entry("a", 0.7, target="agreement"),
        entry("b", 0.6, target="agreement"),
    )
    first = {
        choice: of(leaderboard(frame(*entries), target=choice[0], scope=choice[1]), "ls")["index"].iloc[0]
        for choice in itertools.product(("kl_divergence", "agreement"), ("within", "within_end", "pooled"))
    }
    assert first == {
        ("kl_divergence", "within"): "b",
        ("kl_divergence", "within_end"): "b",
        ("kl_divergence", "pooled"): "a",
        ("agreement", "within"): "a",
        ("agreement", "within_end"): "a",
        ("agreement", "pooled"): "a",
    }
    board = of(leaderboard(frame(*entries)), "ls").set_index("index")
    assert board["agreement"].tolist() == [0.6, 0.7] and board["relative_accuracy"].isna().all()


def test_the_input_is_left_alone_and_its_order_does_not_matter():
    table = frame(entry("a", 0.1), entry("b", 0.3), entry("a", 0.5, stitcher="id"), entry("b", 0.1, stitcher="id"))
    before = table.copy(deep=True)
    board = leaderboard(table)
    pd.testing.assert_frame_equal(table, before)
    pd.testing.assert_frame_equal(board, leaderboard(table.sample(frac=1, random_state=1)))


def test_no_correlations_give_an_empty_board_of_the_same_columns():
    full, empty = leaderboard(frame(entry("a", 0.1))), leaderboard(frame())
    assert len(empty) == 0 and warnings(frame()) == []
    assert list(empty.columns) == list(full.columns) == list(LEADERBOARD)
    assert empty["rank"].dtype == full["rank"].dtype == "Int64"
