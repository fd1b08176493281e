"""Figures in one common style, for experiments, written as PNG and SVG."""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from simbench.results import filed
from simbench.system import atomic
from simbench.system.raised import clean, writable

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Width and height of a panel in inches, and resolution of a PNG in dots per inch.
WIDTH, HEIGHT, DOTS = 4.6, 3.3, 130
#: Letters of a title per inch.
LETTERS = 13
#: Colours that colour-blind readers can tell apart (Okabe and Ito 2008), in the order of use.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C6D31")
STYLE = {
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "legend.fontsize": 8,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.5,
    "legend.frameon": False,
    "svg.hashsalt": "simbench",
    "svg.fonttype": "none",
    "axes.axisbelow": True,
}


def panels(
    count: int, columns: int = 3, title: str = "", width: float = WIDTH, height: float = HEIGHT
) -> tuple[Figure, list[Axes]]:
    """A figure of `count` panels, at most `columns` side by side, and their axes in reading order."""
    import matplotlib
    from matplotlib.figure import Figure

    columns = max(1, min(count, columns))
    rows = -(-count // columns)
    with matplotlib.rc_context(STYLE):
        figure = Figure((columns * width, rows * height + (0.4 if title else 0)), layout="constrained")
        axes = list(figure.subplots(rows, columns, squeeze=False).flat)
        for spare in axes[count:]:
            spare.remove()
        if title:
            figure.suptitle(title, fontsize=10)
    return figure, axes[:count]


def colour(at: int) -> str:
    """The colour of the curve with number `at`; colours repeat after the last."""
    return COLOURS[at % len(COLOURS)]


def band(axes: Axes, x: Sequence, mean: np.ndarray, spread: np.ndarray, label: str, at: int = 0, **line) -> None:
    """A line of means with a band of one standard deviation (none where it is NaN)."""
    import numpy as np

    mean, spread = np.asarray(mean, float), np.nan_to_num(np.asarray(spread, float))
    axes.plot(x, mean, color=colour(at), label=label, **{"marker": "o", "markersize": 3} | line)
    axes.fill_between(x, mean - spread, mean + spread, color=colour(at), alpha=0.18, linewidth=0)


def describe(axes: Axes, title: str = "", x: str = "", y: str = "") -> None:
    """Title and axis labels of a panel, in the common style; a title wider than its panel is wrapped."""
    inches = axes.figure.get_figwidth() / axes.get_subplotspec().get_gridspec().ncols
    lines = [textwrap.fill(line, max(16, int(inches * LETTERS))) for line in title.splitlines()]
    axes.set_title("\n".join(lines), fontsize=STYLE["axes.titlesize"])
    axes.set_xlabel(x)
    axes.set_ylabel(y)


def ticks(axes: Axes, names: Sequence[str]) -> None:
    """Label the positions 0, 1, ... of the horizontal axis; labels are slanted where they would overlap."""
    slanted = sum(len(name) + 2 for name in names) > 60
    axes.set_xticks(
        range(len(names)),
        names,
        rotation=40 if slanted else 0,
        ha="right" if slanted else "center",
        rotation_mode="anchor" if slanted else None,
    )


def legend(figure: Figure, axes: Sequence[Axes], columns: int = 8) -> None:
    """One legend below all panels with every label once, in as many columns as fit, at most `columns`."""
    handles = {}
    for panel in axes:
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    if handles:
        inches = 0.65 + 0.062 * max(map(len, handles))  # width of a line sample and the longest label
        columns = max(1, min(columns, len(handles), int(figure.get_figwidth() / inches)))
        figure.legend(
            list(handles.values()),
            list(handles),
            loc="outside lower center",
            ncols=columns,
            fontsize=STYLE["legend.fontsize"],
            frameon=False,
        )


def literal(figure: Figure, names: Iterable[object]) -> None:
    """Show names as they are in the texts of a figure: `$` in them begins no formula, and control characters and lone
    surrogates, which an SVG cannot hold, are escaped."""
    from matplotlib.text import Text

    marked = {_dense(name) for name in names if isinstance(name, str) and "$" in name}
    for text in figure.findobj(Text):
        shown = text.get_text()
        lines = [clean(line, longest=len(line) * 10) if line else line for line in shown.split("\n")]
        if any(name in _dense(shown) for name in marked):
            text.set_parse_math(False)
        if not writable(shown).replace("\n", "").isprintable() or writable(shown) != shown:
            text.set_text("\n".join(lines))


def _dense(text: str) -> str:
    """Without white space: titles are wrapped."""
    return "".join(text.split())


def name_of(spec: str) -> str:
    """A file name, without suffix, for an experiment's spec."""
    return re.sub(r"[^\w.=,+-]+", "_", spec).strip("_")


def files(folder: Path, name: str) -> tuple[Path, Path]:
    """The two files of a figure: (PNG, SVG)."""
    return folder / f"{name}.png", folder / f"{name}.svg"


def current(folder: Path, name: str, stamp: str) -> bool:
    """Whether both files exist and were drawn from the data with the hash `stamp`."""
    png, svg = files(folder, name)
    return png.is_file() and stamp.encode() in filed.content_of(svg)


def save(figure: Figure, folder: Path, name: str, stamp: str) -> None:
    """Write a figure atomically as PNG and SVG; the same figure gives the same bytes. It is laid out once, for both."""
    import matplotlib

    png, svg = files(folder, name)
    with matplotlib.rc_context(STYLE):
        figure.set_dpi(DOTS)
        if engine := figure.get_layout_engine():
            engine.execute(figure)
            figure.set_layout_engine(None)  # an engine, even the placeholder "none", draws before each file
        for path, metadata in ((png, {"Software": None}), (svg, {"Date": None, "Identifier": stamp})):
            buffer = io.BytesIO()
            figure.savefig(buffer, format=path.suffix[1:], dpi=DOTS, metadata=metadata)
            atomic.write(path, buffer.getvalue())
