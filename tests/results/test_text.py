"""What a run says at its end: counts, reasons and boards."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from small_tables import PUSHED

from simbench.columns import COMPARISONS, CORRELATIONS, NONE
from simbench.contracts import Experiment, Row
from simbench.results import text as report
from simbench.results.board import board
from simbench.results.leader import estimate
from simbench.statistics.correlate import Correlations
from simbench.statistics.leaderboard import Leaderboard, leaderboard
from simbench.statistics.notes import SATURATED


def rows(**counts: int) -> list[Row]:
    return [Row("x", None, status=status) for status, count in counts.items() for _ in range(count)]


def cells(text: str) -> list[list[str]]:
    """A printed table without its rule, split at the gaps between columns."""
    return [
        [cell.strip() for cell in line.split("  ") if cell.strip()] for line in text.splitlines() if line.strip("- ")
    ]


def test_closing_counts_rows_by_status_and_in_all():
    assert cells(report.closing(rows(ok=3, failed=2, skipped=1))) == [
        ["ok", "degenerate", "skipped", "failed", "rows"],
        ["3", "0", "1", "2", "6"],
    ]
    assert cells(report.closing([]))[1] == ["0"] * 5


def failed(*notes: str) -> list[tuple[str, Row]]:
    return [(f"case {i}", Row("x", None, status="failed", note=note)) for i, note in enumerate(notes)]


def test_reasons_are_counted_most_frequent_first_with_the_first_example():
    told = failed("once", "often", "often", "often")
    told += [("fine", Row("x", 1.0)), ("s", Row("x", None, status="skipped"))]
    assert report.reasons(told, "failed") == [
        "failed: often (3 rows, e.g. case 1)",
        "failed: once (1 row, e.g. case 0)",
    ]
    assert report.reasons(told, "degenerate") == []


def test_reasons_beyond_the_most_frequent_are_counted():
    told = failed(*"aaabbcd")
    assert report.reasons(told, "failed", most=2) == [
        "failed: a (3 rows, e.g. case 0)",
        "failed: b (2 rows, e.g. case 3)",
        "failed: 2 more reasons in measurements.csv",
    ]
    assert len(report.reasons(told, "failed", most=4)) == 4


def test_a_table_leaves_undefined_cells_empty_and_rounds_numbers():
    frame = pd.DataFrame({"name": ["a", "b"], "value": [0.12345, np.nan], "step": pd.array([7, None], dtype="Int64")})
    assert cells(report.table(frame)) == [["name", "value", "step"], ["a", "0.123", "7"], ["b"]]
    assert "0.12345" in report.table(frame, digits=5)


def test_numbers_that_round_to_zero_have_no_sign(found):
    assert cells(report.table(pd.DataFrame({"value": [-0.0004, -0.5]})))[1:] == [["0.000"], ["-0.500"]]
    leaders = leaderboard(Correlations(found.assign(value=-0.004, low=-0.104, high=0.001)), METHODS)
    table = leaders.table.assign(within_low=-0.004, within_high=-0.001)
    lines = board(table, leaders.comparisons, METHODS).splitlines()
    assert "0.00 [0.00, 0.00]" in lines[3] and "-" not in lines[3]
    assert estimate({"x": -0.004, "x_low": -0.006, "x_high": 0.004}, "x") == "0.00 [-0.01, 0.00]"


class Counts(Experiment):
    name, source = "counts", "made by the tests"

    def summary(self, rows):
        return rows.groupby("method", as_index=False)["value"].mean() if rows["value"].notna().any() else rows[:0]


def test_summary_is_the_experiment_s_own_of_its_own_rows():
    frame = pd.DataFrame(
        {"experiment": ["counts", "counts", "other"], "method": ["a", "a", "b"], "value": [0.25, 0.75, 9.0]}
    )
    text = report.summary(Counts(), frame)
    assert text.splitlines()[0] == "counts" and cells(text)[1:] == [["method", "value"], ["a", "0.500"]]


def test_summary_without_rows_or_content_is_empty():
    frame = pd.DataFrame({"experiment": ["counts"], "method": ["a"], "value": [np.nan]})
    assert report.summary(Counts(), frame) == "" == report.summary(Counts(), frame.assign(experiment="other"))


METHODS = pd.DataFrame(
    [
        ("index", "cka", "estimator=biased,kernel=linear", "cka"),
        ("index", "cka", "estimator=debiased,kernel=linear", "cka[estimator=debiased]"),
        ("index", "r2_lr", "centred=true", "r2_lr"),
        ("stitcher", "ls", "bias=true", "ls"),
        ("stitcher", "ls", "bias=false", "ls[bias=false]"),
    ],
    columns=["kind", "method", "params", "spec"],
)
BIASED, DEBIASED = METHODS["params"][:2]


def entry(index: str, params: str, stitcher_params: str, within: float, low: float = np.nan, **others) -> list[dict]:
    """The two rows of `correlate` behind a cell of the boards; the pooled value is the negative."""
    plain = {
        "dataset": "d",
        "experiment": "matching",
        "model_a": "net",
        "model_b": "net",
        "panel": "",
        "stitcher": "ls",
        "stitcher_params": stitcher_params,
        "target": "kl_divergence",
        "index": index,
        "index_params": params,
        "view": "spatial",
        "statistic": "spearman",
        "p_value": 0.01,
        "networks": 8,
        "pairs": 56,
        "layers": 3,
        "coverage": 1.0,
        "note": "",
    } | others
    return [
        plain | {"scope": "within", "value": within, "low": low, "high": low + 0.5, "ceiling": 0.9},
        plain | {"scope": "within_end", "value": within / 2, "low": np.nan, "high": np.nan},
        plain | {"scope": "pooled", "value": -within, "low": np.nan, "high": np.nan},
    ]


def correlations(*entries: list[dict]) -> pd.DataFrame:
    return pd.DataFrame([row for part in entries for row in part], columns=list(CORRELATIONS))


@pytest.fixture
def found() -> pd.DataFrame:
    return correlations(
        entry("cka", BIASED, "bias=true", 0.4, 0.123),
        entry("cka", BIASED, "bias=false", 0.2),
        entry("cka", DEBIASED, "bias=true", 0.9, -0.05),
        entry("cka", DEBIASED, "bias=false", 0.7),
        entry("r2_lr", "centred=true", "bias=true", np.nan),
        entry("r2_lr", "centred=true", "bias=false", np.nan),
    )


def shown(correlations: pd.DataFrame, declared=NONE) -> str:
    leaders = leaderboard(Correlations(correlations), METHODS, declared=declared)
    return board(*leaders, METHODS, declared)


def test_board_ranks_indices_by_the_mean_and_names_methods_as_typed(found):
    lines = shown(found).splitlines()
    assert lines[0] == (
        "matching, net on d, 8 networks, 56 pairs: how well each index predicts the log divergence of stitched "
        "networks from Model 2, within layers"
    )
    assert cells(lines[1])[0] == [
        *("rank", "certain", "index", "view", "mean", "given the end", "pooled", "accuracy"),
        *("ls[bias=false]", "ls", "better than"),
    ]
    assert cells("\n".join(lines[3:5])) == [
        ["1", "cka[estimator=debiased]", "spatial", "0.80", "0.40", "-0.80", "0.70", "0.90"],
        ["2", "cka", "spatial", "0.30", "0.15", "-0.30", "0.20", "0.40"],
    ]
    assert cells(lines[5]) == [["r2_lr", "spatial"]]  # undefined
    assert lines[6] == "mean over 2 of 2 stitchers (ls[bias=false], ls); noise ceiling 0.90: no index could reach more"
    assert (
        lines[7] == "best index by stitcher: cka[estimator=debiased] for ls[bias=false], cka[estimator=debiased] for ls"
    )


def test_the_best_indices_of_a_stitcher_are_named_together_with_their_views(found):
    rows = found[(found["index"] == "cka") & found["index_params"].str.startswith("estimator=debiased")]
    twice = pd.concat([found, rows.assign(view="pooled")], ignore_index=True)
    lines = shown(twice).splitlines()
    both = "cka[estimator=debiased] (pooled) and cka[estimator=debiased] (spatial)"
    assert f"best index by stitcher: {both} for ls[bias=false], {both} for ls" in lines


def test_board_shows_the_interval_the_certain_ranks_and_what_an_index_is_better_than(found):
    leaders = leaderboard(Correlations(found), METHODS)
    mean = leaders.table["stitcher"] == "all"
    table = leaders.table.assign(
        within_low=leaders.table["within_low"].where(~mean, 0.123),
        within_high=leaders.table["within_high"].where(~mean, 0.9),
        best_rank=pd.array([1] * len(leaders.table), dtype="Int64"),
        worst_rank=leaders.table["rank"],
    )
    beaten = {"a": ("cka", BIASED), "b": ("cka", DEBIASED)}
    row = dict.fromkeys(COMPARISONS, "") | {
        "dataset": "d",
        "experiment": "matching",
        "model_a": "net",
        "model_b": "net",
        "panel": "",
    }
    row |= {"stitcher": "all", "difference": -0.5, "adjusted": 0.04}
    for side, (name, params) in beaten.items():
        row |= {f"index_{side}": name, f"index_{side}_params": params, f"view_{side}": "spatial"}
    lines = cells(board(table, pd.DataFrame([row]), METHODS))
    assert (
        lines[2][:5] == ["1", "1", "cka[estimator=debiased]", "spatial", "0.80 [0.12, 0.90]"] and lines[2][-1] == "cka"
    )
    assert lines[3][:5] == ["2", "1 to 2", "cka", "spatial", "0.30 [0.12, 0.90]"] and lines[3][-1] != "cka"
    unsure = cells(board(table, pd.DataFrame([row | {"adjusted": 0.06}]), METHODS))
    assert unsure[2][-1] == "0.90"


def test_board_has_a_table_per_pair_of_models_and_data_set(found):
    others = found.assign(model_b="wide"), found.assign(dataset="e")
    titles = [part.splitlines()[0] for part in shown(pd.concat([found, *others], ignore_index=True)).split("\n\n")]
    assert [title.split(",")[1].strip() for title in titles] == ["net on d", "net -> wide on d", "net on e"]


def test_views_of_one_index_are_rows_of_their_own(found):
    flat = [entry("cka", BIASED, params, 0.5, view="flat") for params in ("bias=true", "bias=false")]
    lines = shown(pd.concat([found, correlations(*flat)], ignore_index=True)).splitlines()
    assert [line.split()[:3] for line in lines[3:6]] == [
        ["1", "cka[estimator=debiased]", "spatial"],
        ["2", "cka", "flat"],
        ["3", "cka", "spatial"],
    ]


def pushed(leaders: Leaderboard) -> pd.DataFrame:
    known = leaders.table["index_params"] == BIASED
    return leaders.table.assign(
        pushed_to=np.where(known, 0.407, np.nan),
        pushed_layer=np.where(known, "bn5", ""),
        pushed_networks=pd.array(np.where(known, 3, 0), dtype="Int64"),
        pushed_by=np.where(known, "push", ""),
    )


def test_what_an_index_was_pushed_to_stands_after_its_view_and_is_explained(found):
    leaders = leaderboard(Correlations(found), METHODS, declared=PUSHED)
    lines = board(pushed(leaders), leaders.comparisons, METHODS, PUSHED).splitlines()
    assert cells(lines[1])[0][3:6] == ["view", "pushed to", "mean"]
    assert [row[2:4] for row in cells("\n".join(lines[3:5]))] == [["spatial", "0.80"], ["spatial", "0.41"]]
    assert lines[-1] == (
        "pushed to: what the index was brought to by push at bn5 while accuracy stayed, mean over 3 networks"
    )


@pytest.mark.parametrize("older", [False, True])
def test_a_board_without_pushes_has_no_such_column(found, older):
    leaders = leaderboard(Correlations(found), METHODS, declared=PUSHED)
    table = leaders.table
    table = table.drop(columns=[name for name in table if name.startswith("pushed_")]) if older else table
    text = board(table, leaders.comparisons, METHODS, PUSHED)
    assert "pushed" not in text and text == shown(found)


def test_one_pair_is_one_pair(found):
    assert "8 networks, 1 pair: how well" in shown(found.assign(pairs=1))


def test_board_without_correlations_is_empty():
    assert shown(correlations()) == ""


def test_warnings_name_the_saturated_stitcher_as_typed(found):
    assert report.warnings(found, METHODS) == []
    found = found.assign(target="relative_accuracy")
    found.loc[found["stitcher_params"] == "bias=false", "note"] = f"{SATURATED}: 95% of the cells above 0.99"
    assert report.warnings(found, METHODS) == [
        "ls[bias=false] in matching on d, net -> net: target saturated: 95% of the cells above 0.99; "
        "correlations with relative accuracy say little there"
    ]


def test_specs_are_what_a_user_would_type():
    assert report.specs(METHODS)["cka", DEBIASED] == "cka[estimator=debiased]"
