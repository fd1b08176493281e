"""Every column of every CSV in a results folder: its name, its type and what it means.

A table maps column names, in the order of the file, to `Column`s. `simbench.results.tables` writes the files,
`simbench.statistics` computes correlations.csv and leaderboard.csv, and results/README.md shows them.

>>> MEASUREMENTS["value"].type
'number'
>>> list(RUNS)[:3]
['run', 'schema', 'command']
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from simbench.columns.column import DTYPES, Column
from simbench.columns.derived import COMPARISONS, CORRELATIONS, GROUP, LEADERBOARD
from simbench.columns.measured import (
    CASE,
    CONFLICTS,
    COUNTED,
    CUT_KEY,
    CUTS,
    IDENTITY,
    INDEX,
    LOGARITHMIC,
    MEASUREMENTS,
    METHODS,
    NETWORK,
    NUMERIC,
    RANKED_BY,
    REFIT,
    REFIT_HALVES,
    RUNS,
    SCHEMA,
    SIMILARITY,
    STITCHER,
    TARGETS,
    TIMINGS,
)

__all__ = [
    "BEFORE_BOARD",
    "CASE",
    "COMPARISONS",
    "CONFLICTS",
    "CORRELATIONS",
    "COUNTED",
    "CUTS",
    "CUT_KEY",
    "DTYPES",
    "GROUP",
    "IDENTITY",
    "INDEX",
    "LEADERBOARD",
    "LOGARITHMIC",
    "MEASUREMENTS",
    "METHODS",
    "NETWORK",
    "NONE",
    "NUMERIC",
    "OCCASIONAL",
    "RANKED_BY",
    "REFIT",
    "REFIT_HALVES",
    "RUNS",
    "SCHEMA",
    "SIMILARITY",
    "STITCHER",
    "TABLES",
    "TARGETS",
    "TIMINGS",
    "Column",
    "added",
    "board",
    "dtypes",
]

NONE: Mapping[str, Any] = MappingProxyType({})
#: Column of the leaderboard that those of experiments follow.
BEFORE_BOARD = "view"

#: File -> its table, without the columns that experiments add to the leaderboard.
TABLES = {
    "measurements.csv": MEASUREMENTS,
    "methods.csv": METHODS,
    "timings.csv": TIMINGS,
    "runs.csv": RUNS,
    "correlations.csv": CORRELATIONS,
    "leaderboard.csv": LEADERBOARD,
    "comparisons.csv": COMPARISONS,
}

#: The same of files that only some folders have: of networks that are no row of stages or whose layers have other
#: names, and of `simbench merge --keep both`.
OCCASIONAL = {"cuts.csv": CUTS, "conflicts.csv": CONFLICTS}


def board(declared: Mapping[str, Any] = NONE) -> dict[str, Column]:
    """The columns of leaderboard.csv. declared: quantity -> `simbench.BoardColumn`, of all experiments."""
    table = {}
    for name, column in LEADERBOARD.items():
        table[name] = column
        if name == BEFORE_BOARD:
            for quantity, of in declared.items():
                table |= added(quantity, of)
    return table


def added(quantity: str, declared: Any) -> dict[str, Column]:
    """The four columns of leaderboard.csv that show one quantity of an experiment."""
    return {
        quantity: Column("number", declared.meaning),
        f"{declared.prefix}_networks": Column("whole", f"number of networks that `{quantity}` is the mean over"),
        f"{declared.prefix}_layer": Column("text", f"layer, or layers a -> b, of `{quantity}`"),
        f"{declared.prefix}_by": Column("text", f"experiment that measured `{quantity}`"),
    }


def dtypes(table: Mapping[str, Column]) -> dict[str, Any]:
    """Column -> dtype in pandas."""
    return {name: DTYPES[column.type] for name, column in table.items()}
