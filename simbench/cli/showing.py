"""The leaderboard on stdout: drawn on a terminal, plain text elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import pandas as pd

    from simbench.contracts import BoardColumn


def show(
    leaders: pd.DataFrame,
    comparisons: pd.DataFrame,
    methods: pd.DataFrame,
    declared: Mapping[str, BoardColumn],
    end: str = "\n",
) -> None:
    """Print the leaderboard, and `end` after it; nothing where it has no rows.

    Programs and files read `simbench.results.board`, people on a terminal see intervals drawn.
    """
    if leaders.empty:
        return
    if sys.stdout.isatty():
        from rich.console import Console

        from simbench.report.terminal import Drawn

        Console(highlight=False).print(Drawn(leaders, comparisons, methods, declared))
        click.echo(end[1:], nl=False)
        return
    from simbench.results.board import board

    click.echo(board(leaders, comparisons, methods, declared) + end, nl=False)
