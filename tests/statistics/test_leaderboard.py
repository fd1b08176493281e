"""Ranks, means over stitchers and warnings, on correlations written by hand."""

import numpy as np
import pandas as pd
import pytest
from small_tables import PUSHED

from simbench.columns import CORRELATIONS, LEADERBOARD, board
from simbench.statistics.correlate import SATURATED
from simbench.statistics.leaderboard import leaderboard, warnings

NO_LAYER = "undefined in every layer"


def entry(index: str, within: float, pooled: float = 0.5, stitcher: str = "ls", note: str = "", **others) -> list[dict]:
    """The two rows of `correlate` that a row of the leaderboard is made from."""
    row = {
        "dataset": "d",
        "experiment": "matching",
        "model_a": "m",
        "model_b": "m",
        "panel": "",
        "stitcher": stitcher,
        "stitcher_params": "",
        "target": "relative_accuracy",
        "index": index,
        "index_params": "",
        "view": "spatial",
        "statistic": "spearman",
        "networks": 8,
        "pairs": 56,
        "layers": 3,
        "coverage": 1.0,
        "note": note,
    } | others
    return [
        row | {"scope": scope, "value": value, "low": value - 0.1, "high": value + 0.1, "p_value": 0.01}
        for scope, value in (("within", within), ("pooled", pooled))
    ]


def frame(*entries: list[dict]) -> pd.DataFrame:
    return pd.DataFrame([row for rows in entries for row in rows], columns=list(CORRELATIONS))


def of(board: pd.DataFrame, stitcher: str) -> pd.DataFrame:
    return board[board["stitcher"] == stitcher].reset_index(drop=True)


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


def test_only_spearman_with_relative_accuracy_ranks():
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
    assert board.filter(regex="_(low|high|p)$").isna().all(axis=None)
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
    assert warnings(frame(*entries)) == [
        "id in matching on d, m -> m: target saturated: 95% of the cells above 0.99; ranks say little there",
        "ls[rank=4] in matching on d, m -> m: target saturated: 95% of the cells above 0.99; ranks say little there",
    ]
    assert warnings(frame(*entries), {("ls", "rank=4"): "short"})[1].startswith("short in matching on d")


def test_notes_of_both_scopes_are_merged():
    rows = entry("a", np.nan, note="undefined in every layer; index: 3 failed of 9 cells")
    rows[1]["note"] = "undefined: no cells; index: 3 failed of 9 cells"
    assert of(leaderboard(frame(rows)), "ls")["note"].iloc[0] == (
        "undefined in every layer; index: 3 failed of 9 cells; undefined: no cells"
    )


def push(seed: str, value: float, **others) -> dict:
    """A row `pushed_to` of one network, as in measurements.csv."""
    return {
        "dataset": "d",
        "view": "spatial",
        "model_a": "m",
        "seed_a": seed,
        "layer_a": "bn1",
        "model_b": "m",
        "panel": "",
        "seed_b": seed,
        "layer_b": "bn1",
        "experiment": "push",
        "method": "a",
        "params": "",
        "quantity": "pushed_to",
        "samples": 60.0,
        "seed": 0.0,
        "value": value,
        "status": "ok",
    } | others


def pushed(board: pd.DataFrame) -> list[tuple]:
    return list(
        board[["index", "pushed_to", "pushed_networks", "pushed_layer", "pushed_by"]].itertuples(index=False, name=None)
    )


def test_what_an_index_was_pushed_to_is_the_mean_over_networks_whoever_pushed_it():
    measured = pd.DataFrame(
        [
            push("0", 0.2),
            push("1", 0.6),
            push("0", 0.1, quantity="similarity"),
            push("2", np.nan, status="failed"),
            push("0", 0.9, view="flat"),
            push("0", 0.9, dataset="e"),
            push("0", 0.9, model_a="n"),
            push("0", 0.9, model_b="n"),
            push("0", 0.9, params="x=1"),
        ]
    )
    table = frame(entry("a", 0.5), entry("a", 0.4, stitcher="id"), entry("b", 0.1), entry("b", 0.2, stitcher="id"))
    board = leaderboard(table, measured, PUSHED)
    assert sorted(pushed(board))[:3] == [("a", pytest.approx(0.4), 2, "bn1", "push")] * 3
    rest = board[board["index"] == "b"]
    assert len(rest) == 3 and rest["pushed_to"].isna().all() and rest["pushed_networks"].isna().all()
    assert set(rest["pushed_layer"]) == set(rest["pushed_by"]) == {""}


def test_views_and_parameters_are_pushed_apart():
    measured = pd.DataFrame([push("0", 0.2), push("0", 0.3, view="flat"), push("0", 0.4, params="x=1")])
    table = frame(entry("a", 0.5), entry("a", 0.4, view="flat"), entry("a", 0.3, index_params="x=1"))
    assert leaderboard(table, measured, PUSHED).query("stitcher == 'ls'")["pushed_to"].tolist() == [0.2, 0.3, 0.4]


def test_of_several_pushes_that_of_most_networks_counts_and_then_the_first_by_name():
    few = [push("0", 0.1, experiment="aaa"), push("0", 0.15, layer_a="bn2", layer_b="bn2")]
    many = [push(seed, 0.3, experiment="push[epochs=9]") for seed in "01"]
    assert of(leaderboard(frame(entry("a", 0.5)), pd.DataFrame(few), PUSHED), "ls")["pushed_by"].tolist() == ["aaa"]
    ((_, value, networks, layer, by),) = pushed(
        of(leaderboard(frame(entry("a", 0.5)), pd.DataFrame(few + many), PUSHED), "ls")
    )
    assert (value, networks, layer, by) == (0.3, 2, "bn1", "push[epochs=9]")
    across = pd.DataFrame([push("0", 0.2, layer_b="bn2")])
    assert of(leaderboard(frame(entry("a", 0.5)), across, PUSHED), "ls")["pushed_layer"].tolist() == ["bn1 -> bn2"]


def test_without_pushes_the_columns_are_empty_and_of_the_same_types():
    table, one = frame(entry("a", 0.5)), pd.DataFrame([push("0", 0.2)])
    full = leaderboard(table, one, PUSHED)
    for measured in (None, one.assign(quantity="similarity"), one.iloc[:0]):
        board = leaderboard(table, measured, PUSHED)
        assert board["pushed_to"].isna().all() and set(board["pushed_by"]) == {""}
        assert (board.filter(like="pushed_").dtypes == full.filter(like="pushed_").dtypes).all()


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


def test_declared_columns_stand_behind_the_view():
    found = leaderboard(frame(entry("a", 0.1)), declared=PUSHED)
    assert list(found.columns) == list(board(PUSHED))
    at = list(found.columns).index("view") + 1
    assert list(found.columns[at : at + 4]) == ["pushed_to", "pushed_networks", "pushed_layer", "pushed_by"]
    assert list(found.columns[:at]) + list(found.columns[at + 4 :]) == list(LEADERBOARD)
