"""Curves of quantities during training, over several runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from simbench.results import figures

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

#: Line styles of the runs that are also drawn alone.
SINGLE = (":", "--")


def by_step(rows: pandas.DataFrame) -> pandas.Series:
    """`value` of one run, by step."""
    return rows.set_index(rows["step"].astype(int))["value"].astype(float).sort_index()


def draw(axes: Axes, runs: Sequence[pandas.Series], label: str, at: int = 0, single: Sequence[str] = ()) -> None:
    """Draw the mean of the runs, bold, with a band of one standard deviation. Each run holds values by step.
    single: names of the first runs, which are also drawn alone."""
    import pandas

    if not runs:
        return
    table = pandas.concat(runs, axis=1)
    figures.band(axes, table.index, table.mean(axis=1), table.std(axis=1), label, at, linewidth=2.2, marker="")
    for name, run, line in zip(single, runs, SINGLE, strict=False):
        axes.plot(run.index, run, color=figures.colour(at), linestyle=line, linewidth=1.1, label=f"{label}, {name}")
