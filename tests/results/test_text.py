"""What a run says at its end: counts, reasons and boards."""

from __future__ import annotations

import numpy as np
import pandas as pd

from simbench.columns import CORRELATIONS
from simbench.contracts import Experiment, Row
from simbench.results import text as report
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
    [("ls", "bias=true", "ls"), ("ls", "bias=false", "ls[bias=false]")], columns=["method", "params", "spec"]
)


def test_warnings_name_the_saturated_stitcher_as_typed():
    row = dict.fromkeys(CORRELATIONS, "") | {"dataset": "d", "experiment": "matching", "model_a": "net"}
    row |= {"model_b": "net", "stitcher": "ls", "stitcher_params": "bias=false", "target": "relative_accuracy"}
    row |= {"scope": "within", "statistic": "spearman", "note": "undefined in every layer"}
    assert report.warnings(pd.DataFrame([row]), METHODS) == []
    row["note"] += f"; {SATURATED}: 95% of the cells above 0.99"
    assert report.warnings(pd.DataFrame([row]), METHODS) == [
        "ls[bias=false] in matching on d, net -> net: target saturated: 95% of the cells above 0.99; correlations with "
        "relative accuracy say little there"
    ]


def test_specs_are_what_a_user_would_type():
    assert report.specs(METHODS)["ls", "bias=false"] == "ls[bias=false]"
