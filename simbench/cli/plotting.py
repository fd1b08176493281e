"""`simbench plot`"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
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
@click.option("--index", default="cka", show_default=True, metavar="INDEX", help="An index; not for matrix.")
@click.option("--stitcher", default="least_squares", show_default=True, metavar="STITCHER", help="For scatter.")
@click.option(
    "--target", default="relative_accuracy", show_default=True, type=click.Choice(list(TARGETS)), help="For scatter."
)
@RESULTS
@click.option("--to", type=click.Path(path_type=Path), metavar="FILE", help="File to write.  [default: KIND-INDEX.png]")
def plot_command(kind: str, index: str, stitcher: str, target: str, results: Path, to: Path | None) -> int:
    """Draw one figure from the tables of a results folder: index against stitched networks (scatter), by layer
    (curves), along a training (trajectory), or which index predicts better than which (matrix).

    Parameters are in the name, as in --index 'cka[kernel=rbf]'. The end of FILE says the format: png, svg or pdf. Every
    data set, pair of models, experiment and view of the index has its own panel.
    """
    import matplotlib

    from simbench.errors import InputError
    from simbench.report import drawings, variants
    from simbench.results import figures, folder

    table = "comparisons.csv" if kind == "matrix" else "measurements.csv"
    for name in (table, "methods.csv"):
        if not (results / name).is_file():
            raise InputError(f"{str(results)!r} holds no {name}; name a folder of `simbench run` with --results")
    methods = folder.read(results, "methods.csv")
    frame = variants.called(folder.read(results, table), methods)
    draw = {
        "scatter": lambda part, axes, name: drawings.scatter(part, axes, name, _spelt(stitcher, part), target),
        "curves": lambda part, axes, name: drawings.curves(part, axes, name),
        "trajectory": lambda part, axes, name: drawings.trajectory(part, axes, name),
        "matrix": lambda part, axes, _: drawings.matrix(part[part["stitcher"] == "all"], axes),
    }[kind]
    names = [""] if kind == "matrix" else _views(_spelt(index, frame), frame)
    path = to or Path(f"{kind}.png" if kind == "matrix" else f"{kind}-{figures.name_of(index)}.png")
    try:
        with matplotlib.rc_context(figures.STYLE):
            figure = _figure(frame, draw, names, *((8, 8) if kind == "matrix" else (5.5, 4)))
            figures.literal(figure, drawings.named(frame))
            figure.savefig(path, dpi=figures.DOTS)
    except ValueError as error:
        raise InputError(f"{error}; {str(results)!r} has no such figure") from None
    except OSError as error:
        raise InputError(f"{str(path)!r} cannot be written ({error.strerror}); name another file with --to") from None
    click.echo(f"figure in {path}")
    return 0


def _spelt(spec: str, frame: pd.DataFrame) -> str:
    """A spec as the table spells it, with its parameters in any order."""
    from simbench.grammar import parse

    names = map(_bare, frame["method"].unique())
    return next((each for each in names if "[" in each and parse(each) == parse(spec)), spec)


def _views(spec: str, frame: pd.DataFrame) -> list[str]:
    """The names in the table that are this spec: one for each view where it has several."""
    return [each for each in frame["method"].unique() if spec in (each, _bare(each))] or [spec]


def _bare(name: str) -> str:
    """Without the view that `variants.called` adds."""
    return name.rpartition(" (")[0] or name if name.endswith(")") else name


def _figure(frame: pd.DataFrame, draw: Callable, names: list[str], width: float, height: float) -> Figure:
    """A panel for each data set, pair of models, experiment, panel of networks and name that has something to draw.

    Raises the ValueError of the first where none has.
    """
    from simbench.columns import GROUP
    from simbench.report.names import setting
    from simbench.results import figures

    parts, nothing = [], None
    for (group, part), name in product(frame.groupby(GROUP, sort=False), names):
        try:
            draw(part, figures.panels(1)[1][0], name)  # a scratch panel: which have something to draw?
            parts.append((setting(group)["name"], part, name))
        except ValueError as error:
            nothing = nothing or error
    if not parts:
        raise nothing or ValueError("the table has no rows")
    figure, panels = figures.panels(len(parts), width=width, height=height)
    for (place, part, name), axes in zip(parts, panels, strict=True):
        draw(part, axes, name)
        if len(parts) > 1:
            figures.describe(axes, f"{axes.get_title()}\n{place}", axes.get_xlabel(), axes.get_ylabel())
    figures.legend(figure, figure.axes)
    return figure
