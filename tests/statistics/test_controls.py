"""Controls on boards: what is there to be beaten takes nothing from what is compared."""

import numpy as np
import pandas as pd
from small_boards import entry, frame, leaderboard, of
from small_correlations import one
from small_tables import index, methods, noise, target

from simbench.statistics.correlate import correlate


def test_a_control_enters_no_mean_and_has_no_rank():
    entries = [
        entry(name, value, stitcher=s) for name, value in (("a", 0.1), ("depth", 0.9)) for s in ("ls", "control")
    ]
    board = leaderboard(frame(*entries))
    assert board[board["index"] == "depth"]["rank"].isna().all() and (board[board["index"] == "a"]["rank"] == 1).all()
    assert of(board, "all")["note"].iloc[0] == "mean over 1 of 2 stitchers (ls), without control (a control)"


def test_a_control_without_a_value_keeps_no_stitcher_out_of_the_mean():
    entries = (
        entry("a", 0.1),
        entry("depth", np.nan),
        entry("a", 0.3, stitcher="id"),
        entry("depth", 0.2, stitcher="id"),
    )
    board = of(leaderboard(frame(*entries)), "all").set_index("index")
    assert board.loc["a", "note"] == "mean over 2 of 2 stitchers (id, ls)" and board.loc["a", "within"] == 0.2


def test_a_control_takes_no_cells_from_an_index_and_an_index_does_from_a_control():
    x, y = noise(0), noise(1)
    cka, depth, ls = index("cka", x), index("depth", noise(2)), target(y)
    cka.loc[[0], "status"], depth.loc[[2, 4], "status"] = "skipped", "skipped"  # conv1, three different pairs
    controls = methods(cka=1, depth=1).assign(control=lambda table: table["method"] == "depth")
    found = correlate(pd.concat([cka, depth, ls]), controls, permutations=0).table
    assert [one(found, "conv1", index=name)["pairs"] for name in ("cka", "depth")] == [11, 9]
    plain = correlate(pd.concat([cka, depth, ls]), methods(cka=1, depth=1), permutations=0).table
    assert [one(plain, "conv1", index=name)["pairs"] for name in ("cka", "depth")] == [9, 9]
