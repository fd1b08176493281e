"""trajectory and cka_penalty, from the command line to figures and the leaderboard."""

from __future__ import annotations

import pandas as pd
import pytest

from simbench.results import folder as publish
from simbench.runs.declared import board_columns


@pytest.mark.long
def test_both_experiments_are_run_drawn_and_added_to_by_an_index(call, warm, registry):
    words = [
        "run",
        "--seeds",
        "2",
        "--layers",
        "bn8",
        "--max-samples",
        "100",
        "--stitchers",
        "identity",
        "--experiments",
        "matching,trajectory[stitcher=task_loss[batch=20,epochs=2],every=2]",
        "--experiments",
        "cka_penalty[epochs=2,batch=32,every=3]",
    ]
    first = call(*words, "--indices", "cka")
    assert first.code == 0, first.err
    results = first.folder / "simbench-results"
    drawn = sorted(
        (path.name.partition("_batch")[0].partition("_stitcher")[0], path.suffix)
        for path in (results / "figures").iterdir()
    )
    assert {(name, end) for name in ("cka_penalty", "trajectory") for end in (".png", ".svg")} <= set(drawn)
    rows = publish.read(results, "measurements.csv")
    assert set(rows["status"]) == {"ok"}
    pushed = rows[(rows["quantity"] == "pushed_to") & (rows["view"] == "spatial")]
    board = publish.read(results, "leaderboard.csv", board_columns(registry))
    assert board["pushed_to"].tolist() == [pushed["value"].mean()] * len(board) and len(pushed) == 2 == len(board)
    assert "pushed_to" in first.out and "with cross_entropy" in first.out

    more = call(*words, "--indices", "cka,r2_lr")
    assert more.code == 0 and "4 to measure" in more.err  # r2_lr: two cases of matching, two along a training
    along = publish.read(results, "measurements.csv").query("kind == 'trajectory' and method == 'r2_lr'")
    assert set(along["quantity"]) == {"similarity", "reverse_similarity"}
    after, before = (
        frame[frame["method"] == "cka"].reset_index(drop=True)
        for frame in (publish.read(results, "measurements.csv"), rows)
    )
    pd.testing.assert_frame_equal(after, before)
