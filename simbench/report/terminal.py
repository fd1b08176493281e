"""The leaderboard on a terminal, with intervals drawn as text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from simbench.columns import INDEX
from simbench.report.answer import answer
from simbench.report.boards import least
from simbench.report.names import INDEX_KEY, Key, labels
from simbench.report.strokes import ASCII, LINES, Marks, interval
from simbench.results.board import COLUMNS, Block, blocks
from simbench.results.leader import called, certain, estimate, short, whole
from simbench.statistics.comparisons import LEVEL

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

    from simbench.contracts import BoardColumn

#: Cells that a drawn interval takes, widest first: what fits is taken, the last on the narrowest terminals only.
WIDTHS = (41, 31, 21, 13)
#: The column of drawn intervals.
AXIS = "axis"
#: Columns that a narrow terminal leaves out, first to last; those that experiments add go after the first three. In the
#: place of `mean`, which has an interval, stands the value alone.
SPARE = ("accuracy", COLUMNS["pooled"], COLUMNS["within_end"], "certain", "mean", "tied with", AXIS, "rank")
VALUE = "value"


@dataclass(frozen=True, eq=False)
class Drawn:
    """What rich prints of a leaderboard: for each data set and pair of models its answer, a table as wide as the
    terminal allows, and what its columns mean. Columns of the data frames as in `simbench.columns`.

    Names are text, whatever markup or control characters they hold.
    """

    leaders: pd.DataFrame
    comparisons: pd.DataFrame
    methods: pd.DataFrame
    declared: Mapping[str, BoardColumn]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        controls = self.methods[self.methods["control"].eq(True) & (self.methods["kind"] == INDEX)]
        names = labels(self.leaders, self.methods)
        for at, block in enumerate(blocks(self.leaders, self.comparisons, self.methods, self.declared)):
            if at:
                yield Text()
            if isinstance(block, str):
                yield _text(block)
                continue
            marks = ASCII if options.ascii_only else LINES
            yield _text(block.title, "bold")
            said = answer(block.leaders, block.comparisons, block.group, names, set(controls["method"]))
            yield _text(said or "No index is ranked: `note` in leaderboard.csv says why.")
            table, shown = _fitting(block, set(controls["method"]), marks, console, options)
            yield table
            yield _text("\n".join(_legends(block, marks, shown)), "dim")


def alike(comparisons: pd.DataFrame, ranks: Mapping[Key, int], dash: str = "–") -> dict[Key, str]:
    """Index -> the ranks of the indices that it cannot be told apart from: the adjusted p-value of their difference is
    above 5 %; "" where no difference has one.

    comparisons: of one board and the mean over stitchers. ranks: of every index with one.
    """
    if comparisons["adjusted"].isna().all():
        return dict.fromkeys(ranks, "")
    sides = [list(comparisons[[f"index_{x}", f"index_{x}_params", f"view_{x}"]].itertuples(index=False)) for x in "ab"]
    told = {
        frozenset((tuple(a), tuple(b))) for a, b, p in zip(*sides, comparisons["adjusted"], strict=True) if p <= LEVEL
    }
    return {
        mine: _runs({rank for key, rank in ranks.items() if key != mine and frozenset((mine, key)) not in told}, dash)
        for mine in ranks
    }


def _runs(numbers: Iterable[int], dash: str) -> str:
    """
    >>> _runs([5, 1, 2, 3], "-")
    '1-3, 5'
    """
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1] = [runs[-1][0], number]
        else:
            runs.append([number])
    return ", ".join(dash.join(map(str, run)) for run in runs)


def _fitting(
    block: Block, controls: set[str], marks: Marks, console: Console, options: ConsoleOptions
) -> tuple[Table, list[str]]:
    """The table with as much as the terminal is wide enough for, and the names of its columns."""
    spare = [*SPARE[:3], *(column.heading for column in block.shown.values()), *SPARE[3:]]
    wide, empty = options.update(max_width=10_000), set(_empty(block))
    for count in range(len(spare) + 1):
        without = empty.union(spare[:count])
        for width in WIDTHS if "tied with" in without else WIDTHS[:-1]:
            table, shown = _table(block, controls, marks, width, without)
            if Measurement.get(console, wide, table).maximum <= options.max_width:
                return table, shown
    return table, shown


def _table(block: Block, controls: set[str], marks: Marks, width: int, without: set[str]) -> tuple[Table, list[str]]:
    """A row per index, by rank in the mean over stitchers; the names of its columns."""
    scope, part = block.scope, block.leaders[block.leaders["stitcher"] == "all"]
    start, means = least(part, scope), part.to_dict("records")
    axis = f"{start:g} to 1".replace("-", "-" if marks is ASCII else "−")
    views = {leader["view"] for leader in means}
    ranks = {_key(leader): int(leader["rank"]) for leader in means if pd.notna(leader["rank"])}
    same = alike(block.comparisons, ranks, marks.dash)
    rows = []
    for leader in means:
        row = {"rank": whole(leader["rank"]), "certain": certain(leader).replace(" to ", marks.dash)}
        row |= {"tied with": same.get(_key(leader), ""), "index": called(leader, block.names)}
        row |= {"view": leader["view"]} if len(views) > 1 else {}
        row[AXIS] = interval(leader, scope, start, width, marks)
        row |= {"mean": estimate(leader, scope)} if "mean" not in without else {VALUE: short(leader[scope])}
        row |= {name: short(leader[quantity]) for quantity, name in _headings(block)}
        row |= {COLUMNS[name]: short(leader[name]) for name in COLUMNS if name != scope}
        row |= {"accuracy": short(leader["relative_accuracy"])}
        rows.append(row)
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    shown = [name for name in rows[0] if name not in without]
    for name in shown:
        left = name in ("index", "view", "tied with", AXIS)
        table.add_column(
            _text({AXIS: axis, VALUE: "mean"}.get(name, name)),
            justify="left" if left else "right",
            no_wrap=name == AXIS,
        )
    for leader, row in zip(means, rows, strict=True):
        table.add_row(*(_text(row[name]) for name in shown), style="dim" if leader["index"] in controls else "")
    return table, shown


def _empty(block: Block) -> Iterator[str]:
    """Columns without a cell, as of few networks, whose ranks may all be chance."""
    if block.comparisons["adjusted"].isna().all():
        yield "tied with"
    if block.leaders["best_rank"].isna().all():
        yield "certain"


def _headings(block: Block) -> list[tuple[str, str]]:
    return [(quantity, column.heading) for quantity, column in block.shown.items()]


def _legends(block: Block, marks: Marks, shown: list[str]) -> list[str]:
    """What the drawing and the columns say, of those that are shown."""
    part = block.leaders[block.leaders["stitcher"] == "all"]
    drawing = f"{marks.dot} correlation"
    if part[f"{block.scope}_low"].notna().any():
        drawing += f", {marks.low}{marks.line}{marks.high} its 95 % interval"
    drawing += f", {marks.zero} zero"
    if block.scope == "within" and part["ceiling"].notna().any():
        drawing += f", {marks.beyond} above the noise ceiling"
    ranks = "tied with: ranks of the indices that it cannot be told apart from at 95 %"
    own = [said for name, said in ((AXIS, drawing), ("tied with", ranks)) if name in shown]
    return [*own, *block.notes, "behind each stitcher: leaderboard.csv, or this output piped"]


def _key(leader: Mapping) -> Key:
    return tuple(leader[name] for name in INDEX_KEY)


def _text(said: str, style: str = "") -> Text:
    """Text that is no markup and moves no cursor."""
    return Text("".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in said), style=style)
