"""Quantities that experiments show beside each index."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from small_boards import entry, frame, leaderboard, of
from small_tables import PUSHED

from simbench.columns import LEADERBOARD, board


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


def test_a_column_over_layers_is_the_mean_of_all_pairs_and_layers_and_counts_networks():
    declared = {"pushed_to": replace(PUSHED["pushed_to"], layers=True)}
    pairs = [("0", "1", "bn1", 0.1), ("1", "2", "bn1", 0.2), ("0", "1", "bn2", 0.6), ("1", "0", "bn2", 0.7)]
    measured = pd.DataFrame([push(a, x, seed_b=b, layer_a=at, layer_b=at) for a, b, at, x in pairs])
    board = of(leaderboard(frame(entry("a", 0.5)), measured, declared), "ls")
    assert pushed(board) == [("a", pytest.approx(0.4), 3, "2 layers", "push")]
    one = measured[measured["layer_a"] == "bn2"]
    assert pushed(of(leaderboard(frame(entry("a", 0.5)), one, declared), "ls"))[0][1:4] == (
        pytest.approx(0.65),
        2,
        "bn2",
    )


def test_without_pushes_the_columns_are_empty_and_of_the_same_types():
    table, one = frame(entry("a", 0.5)), pd.DataFrame([push("0", 0.2)])
    full = leaderboard(table, one, PUSHED)
    for measured in (None, one.assign(quantity="similarity"), one.iloc[:0]):
        board = leaderboard(table, measured, PUSHED)
        assert board["pushed_to"].isna().all() and set(board["pushed_by"]) == {""}
        assert (board.filter(like="pushed_").dtypes == full.filter(like="pushed_").dtypes).all()


def test_declared_columns_stand_behind_the_view():
    found = leaderboard(frame(entry("a", 0.1)), declared=PUSHED)
    assert list(found.columns) == list(board(PUSHED))
    at = list(found.columns).index("view") + 1
    assert list(found.columns[at : at + 4]) == ["pushed_to", "pushed_networks", "pushed_layer", "pushed_by"]
    assert list(found.columns[:at]) + list(found.columns[at + 4 :]) == list(LEADERBOARD)
