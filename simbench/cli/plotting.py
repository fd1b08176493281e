"""`simbench plot`"""

from __future__ import annotations

from pathlib import Path

import click

from simbench.cli.deriving import RESULTS
from simbench.columns import TARGETS

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

    The end of FILE says the format: png, svg or pdf.
    """
    import matplotlib

    from simbench.errors import InputError
    from simbench.report import drawings
    from simbench.results import figures, folder

    table = "comparisons.csv" if kind == "matrix" else "measurements.csv"
    if not (results / table).is_file():
        raise InputError(f"{str(results)!r} holds no {table}; name a folder of `simbench run` with --results")
    frame = folder.read(results, table)
    figure, (axes,) = figures.panels(1, 1, width=8 if kind == "matrix" else 5.5, height=8 if kind == "matrix" else 4)
    try:
        with matplotlib.rc_context(figures.STYLE):
            if kind == "scatter":
                drawings.scatter(frame, axes, index, stitcher, target)
            elif kind == "matrix":
                drawings.matrix(frame[frame["stitcher"] == "all"], axes)
            else:
                {"curves": drawings.curves, "trajectory": drawings.trajectory}[kind](frame, axes, index)
            figures.legend(figure, figure.axes)
            path = to or Path(f"{kind}.png" if kind == "matrix" else f"{kind}-{figures.name_of(index)}.png")
            figure.savefig(path, dpi=figures.DOTS)
    except ValueError as error:
        raise InputError(f"{error}; {str(results)!r} has no such figure") from None
    click.echo(f"figure in {path}")
    return 0
