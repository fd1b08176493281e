"""`simbench plot`"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from simbench.cli.deriving import RESULTS
from simbench.columns import TARGETS

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

KINDS = ("scatter", "curves", "matrix", "trajectory")


@click.command("plot")
@click.argument("kind", type=click.Choice(KINDS))
@click.option("--index", default="cka", show_default=True, metavar="NAME", help="Name of an index; not for matrix.")
@click.option("--stitcher", default="least_squares", show_default=True, metavar="NAME", help="For scatter.")
@click.option(
    "--target", default="relative_accuracy", show_default=True, type=click.Choice(list(TARGETS)), help="For scatter."
)
@RESULTS
@click.option("--to", type=click.Path(path_type=Path), metavar="FILE", help="File to write.  [default: KIND-INDEX.png]")
def plot_command(kind: str, index: str, stitcher: str, target: str, results: Path, to: Path | None) -> int:
    """Draw one figure from the tables of a results folder: index against stitched networks (scatter), by layer
    (curves), along a training (trajectory), or which index predicts better than which (matrix).

    The end of FILE says the format: png, svg or pdf. Every data set, pair of models and experiment has its own panel.
    """
    import matplotlib

    from simbench.errors import InputError
    from simbench.report import drawings
    from simbench.results import figures, folder

    table = "comparisons.csv" if kind == "matrix" else "measurements.csv"
    if not (results / table).is_file():
        raise InputError(f"{str(results)!r} holds no {table}; name a folder of `simbench run` with --results")
    frame = folder.read(results, table)
    draw = {
        "scatter": lambda part, axes: drawings.scatter(part, axes, index, stitcher, target),
        "curves": lambda part, axes: drawings.curves(part, axes, index),
        "trajectory": lambda part, axes: drawings.trajectory(part, axes, index),
        "matrix": lambda part, axes: drawings.matrix(part[part["stitcher"] == "all"], axes),
    }[kind]
    path = to or Path(f"{kind}.png" if kind == "matrix" else f"{kind}-{figures.name_of(index)}.png")
    try:
        with matplotlib.rc_context(figures.STYLE):
            figure = _figure(frame, draw, *((8, 8) if kind == "matrix" else (5.5, 4)))
            figures.literal(figure, drawings.named(frame))
            figure.savefig(path, dpi=figures.DOTS)
    except ValueError as error:
        raise InputError(f"{error}; {str(results)!r} has no such figure") from None
    except OSError as error:
        raise InputError(f"{str(path)!r} cannot be written ({error.strerror}); name another file with --to") from None
    click.echo(f"figure in {path}")
    return 0


def _figure(frame: pd.DataFrame, draw: Callable, width: float, height: float) -> Figure:
    """A panel for each data set, pair of models, experiment and panel of networks that has something to draw.

    Raises the ValueError of the first where none has.
    """
    from simbench.columns import GROUP
    from simbench.report.names import setting
    from simbench.results import figures

    parts, nothing = [], None
    for group, part in frame.groupby(GROUP, sort=False):
        try:
            draw(part, figures.panels(1)[1][0])  # a scratch panel: which have something to draw?
            parts.append((setting(group)["name"], part))
        except ValueError as error:
            nothing = nothing or error
    if not parts:
        raise nothing or ValueError("the table has no rows")
    figure, panels = figures.panels(len(parts), width=width, height=height)
    for (name, part), axes in zip(parts, panels, strict=True):
        draw(part, axes)
        if len(parts) > 1:
            figures.describe(axes, f"{axes.get_title()}\n{name}", axes.get_xlabel(), axes.get_ylabel())
    figures.legend(figure, figure.axes)
    return figure
