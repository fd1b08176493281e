"""Every column of every CSV is said once: in simbench/columns/."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from small_tables import PUSHED

from simbench import columns
from simbench.results import tables
from simbench.results.reference import reference
from simbench.runs.declared import board_columns

README = Path(__file__).parents[1] / "results" / "README.md"


TABLES = columns.TABLES | columns.OCCASIONAL


@pytest.mark.parametrize("file", TABLES)
def test_every_column_has_a_known_type_and_a_meaning(file):
    for name, column in TABLES[file].items():
        assert column.type in columns.DTYPES, name
        assert column.meaning and not column.meaning.endswith(".") and "\n" not in column.meaning, name


def test_a_name_has_the_same_type_in_every_table():
    types = {}
    for table in TABLES.values():
        for name, column in table.items():
            assert types.setdefault(name, column.type) == column.type, name


@pytest.mark.parametrize("file", TABLES)
def test_tables_are_read_with_the_types_they_are_said_to_have(file, tmp_path):
    (tmp_path / file).write_text(",".join(TABLES[file]) + "\n" + "," * (len(TABLES[file]) - 1) + "\n")
    frame = tables.read(tmp_path / file)
    for name, dtype in columns.dtypes(TABLES[file]).items():
        if dtype is str:
            assert frame[name].tolist() == [""], name
        else:
            assert frame[name].dtype == dtype and frame[name].isna().all(), name


def test_declared_columns_are_typed():
    types = columns.dtypes(columns.board(PUSHED))
    assert [types[f"pushed_{end}"] for end in ("to", "networks", "layer", "by")] == ["float64", "Int64", str, str]


def test_the_readme_of_results_shows_every_column(registry):
    wanted = reference(board_columns(registry))
    shown = README.read_text().split("<!-- columns -->\n")[1].split("\n<!-- /columns -->")[0]
    assert shown == wanted, f"put this between the marks in results/README.md:\n{wanted}"


def test_the_published_tables_have_these_columns(registry):
    wanted = columns.TABLES | {"leaderboard.csv": columns.board(board_columns(registry))}
    runs = [path.parent for path in README.parent.glob("*/measurements.csv")]
    assert len(runs) > 3
    for folder in runs:
        for file, table in wanted.items():
            assert list(pd.read_csv(folder / file, nrows=0).columns) == list(table), folder / file
