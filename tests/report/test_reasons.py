"""Why indices have no rank, as a page says it."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from small_pages import tables, variants

from simbench import columns
from simbench.columns import GROUP
from simbench.report import boards
from simbench.report.answer import answer
from simbench.report.names import labels, settings
from simbench.report.reasons import reasons
from simbench.report.tables import Tables, Words


def said(of: Tables) -> str:
    names = labels(of.leaderboard, of.methods)
    return answer(of.leaderboard, of.comparisons, settings(of.leaderboard)[0], names, {"zero"})


def unranked(made: Tables, index: str, note: str) -> Tables:
    """The same tables, in which an index has no correlation, for a reason that correlations.csv states."""
    scopes = [name for name in made.leaderboard if re.match("within|pooled|.*rank", name)]
    board = made.leaderboard
    board.loc[board["index"] == index, scopes] = np.nan
    empty = dict.fromkeys(columns.CORRELATIONS, np.nan) | {"index_params": "", "stitcher_params": ""}
    layer = {"stitcher": "ls", "target": "kl_divergence", "scope": "bn1", "statistic": "spearman", "view": "spatial"}
    group = board.iloc[0][GROUP].to_dict()
    rows = [
        empty | group | layer | {"index": each, "value": np.nan if each == index else 0.5, "note": note}
        for each in board["index"].unique()
    ]
    return replace(made, correlations=pd.DataFrame(rows))


@pytest.mark.parametrize(
    ("note", "why"),
    [
        ("undefined: no cells; index: 6 failed of 6 cells", "failed"),
        ("undefined: no cells; index: 6 not measured of 6 cells; target: 2 failed of 6 cells", "not measured"),
        ("undefined: index constant", "constant"),
        ("undefined: 2 pairs of networks, 3 are needed", "2 pairs of networks, and a correlation needs 3"),
        ("undefined: 2 pairs of networks, 3 are needed; on 2 of its 16 cells, those common to the indices",
         "only 2 pairs of networks have a value of every index, and a correlation needs 3"),
    ],
)  # fmt: skip
def test_the_answer_counts_what_was_measured_and_ranked_and_says_why_the_rest_is_not(note, why):
    made = unranked(tables(["bures", "cka", "svcca", "zero"], ["ls"]), "svcca", note)
    found = boards.ranked(made, Words())["settings"][0]["answer"]
    assert found.startswith("Of 3 indices, 2 have a rank; 2 predict better than chance ")
    assert found.endswith(f"at 95 %. Without a rank: svcca ({why}).")


def test_the_answer_of_few_networks_counts_what_was_measured():
    made = unranked(tables(["bures", "cka", "svcca", "zero"], ["ls"]), "svcca", "")
    made.leaderboard["within_low"] = np.nan
    assert said(made).startswith("Of 3 indices, 2 have a rank; bures has the largest rank correlation (0.50) ")
    assert said(made).endswith("is open. Without a rank: svcca.")


def test_an_index_in_several_views_is_counted_once_beside_its_rows():
    made = variants(view="pooled")
    made.leaderboard.loc[made.leaderboard["index"] == "cka", "index_params"] = ""
    assert said(made).startswith("Of 3 indices (2 in up to 2 views), 2 predict ")


def test_few_pairs_of_another_stitcher_are_not_the_reason_where_pairs_are_not_shared():
    few = "undefined: 2 pairs of networks, 3 are needed"
    made = unranked(tables(["bures", "cka", "zero"], ["ls"]), "cka", few)
    rows = made.correlations
    shared = rows.assign(
        stitcher="procrustes", value=np.nan, note=f"{few}; on 2 of its 9 cells, those common to the indices"
    )
    found = reasons(pd.concat([rows, shared]), settings(made.leaderboard)[0], "kl_divergence")
    assert found["cka", "", "spatial"].startswith("only 2 pairs of networks have a value of every index")


def test_where_indices_share_too_few_pairs_the_page_says_so():
    made = unranked(
        tables(["bures", "zero"], ["ls"]), "bures", "undefined: 2 pairs of networks, 3 are needed; on 2 of its 16 "
        "cells, those common to the indices",
    )  # fmt: skip
    found = boards.ranked(made, Words())["settings"][0]["answer"]
    assert found.startswith("No index is ranked here: only 2 pairs of networks have a value of every index, and a ")
