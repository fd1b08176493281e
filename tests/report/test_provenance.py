"""Rows without a value, grouped by reason and counted."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
from small_pages import HOSTILE, tables

from simbench.report import page
from simbench.report.provenance import networks, problems
from simbench.report.tables import Words

pytestmark = pytest.mark.usefixtures("undrawn")
METHODS = tables(["bures", "cka", HOSTILE, "zero"], ["ls"]).methods


def rows(*given: tuple[str, str, str]) -> pd.DataFrame:
    """Measurements of a status, a reason and an index each."""
    return pd.DataFrame(given, columns=["status", "note", "method"]).assign(params="")


def test_networks_of_a_panel_have_its_hashes_and_recipe_where_the_folder_keeps_none():
    rows = pd.DataFrame(
        [("0", "p-1"), ("1", "p-1"), ("0", ""), ("2", "p-1")], columns=["seed_a", "panel"]
    ).assign(kind="network", quantity="accuracy", dataset="d", model_a="net", value=0.5, samples=9)  # fmt: skip
    panels = {"p-1": ({"0": "aaa", "1": "bbb"}, {"epochs": 8})}
    found = networks(rows, {("net", "1"): "other"}, {}, panels)
    assert [(each["panel"], each["name"], each["weights"], each["trained"]) for each in found] == [
        ("", "0", "", "by simbench, as net trains on d, from seed 0"),
        ("p-1", "0", "aaa", "frozen in panel p-1; epochs 8"),
        ("p-1", "1", "other", "frozen in panel p-1"),
        ("p-1", "2", "", "frozen in panel p-1"),
    ]


def test_what_all_networks_have_in_common_is_said_once():
    made = tables(["bures", "zero"], ["ls"])
    rows = made.measurements.head(2).assign(kind="network", quantity="accuracy", value=0.5, panel="p-1", samples=9)
    rows["seed_a"] = ["0", "1"]
    for panels, once in (
        ({"p-1": ({"0": "a", "1": "a"}, {"epochs": 8})}, True),
        ({"p-1": ({"0": "a"}, {"epochs": 8})}, False),
    ):
        text = page.page(replace(made, measurements=pd.concat([made.measurements, rows])), Words(panels=panels))
        assert ("<p>How they were trained: frozen in panel p-1; epochs 8.</p>" in text) == once
        assert ('<th scope="col">how trained</th>' in text) != once


def test_reasons_that_differ_in_numbers_and_the_method_are_one():
    found = problems(
        rows(
            ("skipped", "bn3 of net-0 has no class token", "cka"),
            ("failed", "ValueError: 1.25 is wrong", "cka"),
            ("skipped", "bn5 of net-11 has no class token", "bures"),
            ("failed", "ValueError: 3 is wrong", "cka"),
            ("skipped", "cka needs 80 rows", "cka"),
            ("ok", "", "cka"),
            ("failed", "timed out after 3 s", "cka"),
            ("skipped", "bures needs 900 rows", "bures"),
            ("skipped", "bn3 of net-0 has no class token", "bures"),
            ("degenerate", "ckas are one", "cka"),
        ),
        METHODS,
    )
    assert [(each["status"], each["reason"], each["more"], each["rows"], each["methods"]) for each in found] == [
        ("failed", "ValueError: 1.25 is wrong", 1, 2, "cka"),
        ("failed", "timed out after 3 s", 0, 1, "cka"),
        ("degenerate", "ckas are one", 0, 1, "cka"),
        ("skipped", "bn3 of net-0 has no class token", 1, 3, "bures, cka"),
        ("skipped", "cka needs 80 rows", 1, 2, "bures, cka"),
    ]


def test_a_method_whose_name_is_a_pattern_is_replaced_as_it_stands():
    (one,) = problems(rows(("failed", f"{HOSTILE} hurts", HOSTILE), ("failed", "cka hurts", "cka")), METHODS)
    assert (one["rows"], one["more"]) == (2, 1)


def test_the_page_counts_rows_as_measurements_do():
    made = tables(["bures", "cka", "zero"], ["ls"])
    measured = made.measurements
    for at, status in enumerate(("failed", "degenerate", "degenerate", "skipped")):
        measured.loc[at, ["status", "note"]] = [status, f"why {HOSTILE}"]
    text = page.page(replace(made, measurements=measured), Words())
    ok = len(measured) - 4
    assert f"Of {len(measured)} rows {ok} are ok; 1 failed, 2 are degenerate, 1 was skipped." in text
    assert HOSTILE not in text and text.count("why &lt;/script&gt;") == 3
