"""The reference of all columns, in Markdown: the generated part of results/README.md."""

from __future__ import annotations

from collections.abc import Mapping

from simbench import columns
from simbench.contracts import BoardColumn


def reference(declared: Mapping[str, BoardColumn] = columns.NONE) -> str:
    """A section per file with a table of its columns. declared: quantity -> column of the leaderboard."""
    sections = []
    for file, table in (columns.TABLES | {"leaderboard.csv": columns.board(declared)} | columns.OCCASIONAL).items():
        rows = [f"| `{name}` | {column.type} | {column.meaning} |" for name, column in table.items()]
        sections.append("\n".join([f"### {file}", "", "| column | type | meaning |", "|---|---|---|", *rows]))
    return "\n\n".join(sections)
