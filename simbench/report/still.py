"""What a page shows of one index and of pairs of indices before, or without, its script."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable, Mapping
from itertools import combinations
from typing import Any

from simbench.columns import GROUP, INDEX, STITCHER
from simbench.report.drawings import curves, named, scatter
from simbench.report.names import settings
from simbench.report.points import SHOWN
from simbench.report.tables import Tables
from simbench.report.variants import called
from simbench.results import figures
from simbench.statistics.comparisons import LEVEL


def first(tables: Tables, data: Mapping[str, Any]) -> list[dict[str, str]]:
    """Pictures of the index that leads the first board, or of its first where none is ranked: its scatter behind one
    stitcher, and its curves by layer."""
    if not data["settings"] or not data["cells"][0]:
        return []
    fields = {name: at for at, name in enumerate(data["fields"])}
    ranked = [row for row in data["board"] if row[fields["setting"]] == 0 and row[fields["stitcher"]] == "all"]
    ranked = [row for row in ranked if row[fields["index"]] in data["cells"][0]["indices"]]
    if not ranked:
        return []
    leader = min(ranked, key=lambda row: float("inf") if row[fields["rank"]] is None else row[fields["rank"]])
    best = data["indices"][leader[fields["index"]]]
    index, group = best["spec"], settings(tables.leaderboard)[0]
    mine = tables.measurements[(tables.measurements[GROUP] == list(group)).all(axis=1)]
    mine = called(mine[(mine["kind"] != INDEX) | (mine["view"] == best["view"])], tables.methods)
    stitched = mine[(mine["kind"] == STITCHER) & (mine["status"] == "ok")]
    target = SHOWN if SHOWN in set(stitched["quantity"]) else data["target"]  # data without labels have no accuracy
    stitchers = list(stitched.loc[stitched["quantity"] == target, "method"].unique())
    stitcher = "least_squares" if "least_squares" in stitchers else stitchers[0]
    drawn: tuple[tuple[str, Callable], ...] = (
        (
            f"{index} against {target.replace('_', ' ')} behind {stitcher}, coloured by layer",
            lambda a: scatter(mine, a, index, stitcher, target),
        ),
        (f"{index}, and relative accuracy behind each stitcher, by layer", lambda a: curves(mine, a, index)),
    )
    names, found = named(mine), []
    for title, draw in drawn:
        try:
            found.append({"title": title, "alt": f"Plot of {title}", "picture": picture(draw, names)})
        except ValueError:  # nothing to draw: the index and that stitcher share no cell
            continue
    return found


def picture(draw: Callable, names: Iterable[str] = ()) -> str:
    """The data URI of an SVG of one panel, which `draw` draws; its points are pixels, because thousands are large.
    names: those that its texts hold."""
    import matplotlib

    figure, axes = figures.panels(1, 1)
    draw(axes[0])
    for marks in axes[0].collections:
        marks.set_rasterized(True)
    figures.legend(figure, figure.axes)
    figures.literal(figure, names)
    buffer = io.BytesIO()
    with matplotlib.rc_context(figures.STYLE):
        figure.savefig(buffer, format="svg", metadata={"Date": None}, dpi=figures.DOTS)
    return "data:image/svg+xml;base64," + base64.b64encode(buffer.getvalue()).decode()


def pairwise(data: Mapping[str, Any]) -> dict[str, Any] | None:
    """The first matrix of the mean over stitchers, or else of a stitcher: its setting and stitcher, names, and rows of
    (class, text) of cells, by rank. None where no two indices were compared."""
    means = [each for each in data["matrix"] if each["stitcher"] == "all"]
    board = next(iter([*means, *data["matrix"]]), None)
    if board is None:
        return None
    pairs = dict(zip(combinations(board["indices"], 2), zip(board["gaps"], board["ps"], strict=True), strict=True))
    pairs |= {(b, a): (None if gap is None else -gap, p) for (a, b), (gap, p) in pairs.items()}
    fields = {name: at for at, name in enumerate(data["fields"])}
    ranked = sorted(
        (
            row
            for row in data["board"]
            if (row[fields["setting"]], row[fields["stitcher"]]) == (board["setting"], board["stitcher"])
        ),
        key=lambda row: float("inf") if row[fields["rank"]] is None else row[fields["rank"]],
    )
    known = {a for a, _ in pairs}
    order = [row[fields["index"]] for row in ranked if row[fields["index"]] in known]
    rows = [[_cell(*pairs.get((a, b), (None, None)), a == b) for b in order] for a in order]
    names = [data["indices"][at]["name"] for at in order]
    return {"setting": board["setting"], "stitcher": board["stitcher"], "names": names, "rows": rows}


def _cell(gap: int | None, p: int | None, same: bool) -> tuple[str, str]:
    if same or gap is None:
        return "", ""
    if p is None or p > 10000 * LEVEL:
        return "", "·"
    return "better" if gap > 0 else "worse", f"{'▲' if gap > 0 else '▼'} {_p(p / 10000)}"


def _p(p: float) -> str:
    return "<.001" if p < 0.001 else f"{p:.3f}"[1:]
