"""What a spreadsheet would execute is text in every table, and comes back as it was."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simbench import InputError, columns
from simbench.results import folder, tables
from simbench.results.cells import inert, restored

HOSTILE = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "'=1", "''", "'", "it's", "plain", ""]


@given(st.text("=+-@\t\r' aé\0"))
def test_every_text_comes_back(text):
    assert restored(inert(text)) == text and not inert(text).startswith(("=", "+", "-", "@", "\t", "\r"))


def frame() -> pd.DataFrame:
    rows = [dict.fromkeys(columns.METHODS, "") | {"method": name, "direction": 1, "low": -1.0} for name in HOSTILE]
    return pd.DataFrame(rows, columns=list(columns.METHODS)).assign(version=1, high=1.0)


def test_a_table_holds_no_formula_and_is_read_as_it_was(tmp_path):
    tables.write(frame(), tmp_path / "methods.csv")
    raw = pd.read_csv(tmp_path / "methods.csv", dtype=str, keep_default_na=False)
    assert not any(text.startswith(("=", "+", "-", "@", "\t", "\r")) for text in raw["method"])
    assert raw["low"].tolist() == ["-1.0"] * len(HOSTILE)  # a number is no formula
    read = tables.read(tmp_path / "methods.csv")
    assert read["method"].tolist() == HOSTILE and read["low"].tolist() == [-1.0] * len(HOSTILE)


def runs(tmp_path, schema) -> None:
    row = dict.fromkeys(columns.RUNS, "") | {"run": "r", "schema": schema, "seconds": 1.0, "measured": 1, "threads": 1}
    tables.write(pd.DataFrame([row]), tmp_path / "runs.csv")
    tables.write(frame(), tmp_path / "methods.csv")


@pytest.mark.parametrize("schema", [None, 1, columns.SCHEMA])
def test_tables_of_an_older_version_are_read(tmp_path, schema):
    runs(tmp_path, schema)
    assert len(folder.read(tmp_path, "methods.csv")) == len(HOSTILE)


def test_tables_of_before_there_were_versions_are_read(tmp_path):
    runs(tmp_path, 1)
    table = pd.read_csv(tmp_path / "runs.csv").drop(columns="schema")
    table.to_csv(tmp_path / "runs.csv", index=False)
    assert len(folder.read(tmp_path, "methods.csv")) == len(HOSTILE)


def test_tables_of_a_later_version_are_refused_in_one_line(tmp_path):
    runs(tmp_path, columns.SCHEMA + 1)
    with pytest.raises(InputError, match=f"have version {columns.SCHEMA + 1}.*up to {columns.SCHEMA}; install a later"):
        folder.read(tmp_path, "methods.csv")
