"""Writes the figures of results/speed into benchmarks/README.md, README.md (three lines) and speed.png and .svg.

`python benchmarks/report.py` writes; `--check` writes nothing and exits 1 if any of these files is out of date.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import index_tables
import record

from simbench.results import figures
from simbench.system.provenance import digest

Row = dict[str, str]

MARKS = "<!-- speed -->\n", "\n<!-- /speed -->"
COLUMNS = ("what", "where", "against", "factor [low, high]", "target", "met")
#: What README.md says of the ratios to the usual way, by the beginning of `what`.
FACTORS = {
    "training step": "a training step",
    "least squares": "a least squares fit",
    "evaluation": "evaluating a stitched network",
    "a whole pair": "all indices and stitches of a pair of networks",
}
#: Units of ratios of times or rates: what speed.png shows. Other figures are growth, seconds, bytes and rates.
RATIOS = ("x", "share")


def rows(folder: Path) -> list[Row]:
    """Every figure of the scripts but those of indices, which have tables of their own: as text, sorted by target and
    otherwise in the order of the scripts."""
    names = sorted(path.stem for path in folder.glob("*.csv") if path.stem not in ("runs", *index_tables.MARKS))
    return sorted((row for name in names for row in record.read(name, folder)), key=lambda row: int(row["target"]))


def promised(measured: Iterable[Row]) -> list[Row]:
    """The figures that have a target."""
    return [row for row in measured if row["wanted"]]


def summary(measured: Sequence[Row]) -> str:
    """Markdown, three lines for README.md: ratios to the usual way, start-up, and how many targets are met."""
    if not measured:
        return "Not measured yet."
    usual = [row for row in measured if row["against"] == "the usual way" and row["unit"] == "x"]
    factors = []
    for start, name in FACTORS.items():
        values = [row["value"] for row in usual if row["what"].startswith(start)]
        if values:
            factors.append(f"{name} {_span(values)}")
    seconds = [f"`{row['what']}` {row['value']} s" for row in measured if row["what"].startswith("simbench ")]
    targets = promised(measured)
    met = sum(row["met"] == "true" for row in targets)
    lines = (
        f"Times as fast as [the usual way](benchmarks/README.md) of stitching: {', '.join(factors) or 'not measured'}.",
        f"Start-up: {', '.join(seconds) or 'not measured'}.",
        f"{met} of {len(targets)} targets are met: [benchmarks](benchmarks/README.md) has all figures, how they were "
        "taken, and why targets were missed.",
    )
    return "\n".join(f"- {line}" for line in lines)


def _span(values: Sequence[str]) -> str:
    """Smallest to largest, as they stand in the CSV."""
    low, high = min(values, key=float), max(values, key=float)
    return f"{low}×" if low == high else f"{low}× to {high}×"


def table(measured: Sequence[Row]) -> str:
    """Markdown. Numbers stand as in the CSV; nothing is rounded up to a target."""
    if not measured:
        return "Not measured yet."
    lines = [COLUMNS, tuple("---" for _ in COLUMNS), *map(_cells, measured)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _cells(row: Row) -> tuple[str, ...]:
    unit = row["unit"]
    between = f" [{row['low']}, {row['high']}]" if row["low"] and row["low"] != row["high"] else ""
    wanted = f"{'≤' if row['smaller'] == 'true' else '≥'} {_with(row['wanted'], unit)}" if row["wanted"] else ""
    met = {"true": "yes", "false": "**no**", "": ""}[row["met"]]
    return row["what"], row["where"], row["against"], f"{_with(row['value'], unit)}{between}", wanted, met


def _with(value: str, unit: str) -> str:
    return value + {"x": "×", "": "", "share": ""}.get(unit, f" {unit}")


def texts(measured: Sequence[Row], root: Path) -> dict[Path, str]:
    """file -> its text with current figures: the three lines of README.md, the tables of benchmarks/README.md."""
    main, own = root / "README.md", root / "benchmarks" / "README.md"
    tables = marked(own.read_text(), table(measured))
    for name, marks in index_tables.MARKS.items():
        tables = marked(tables, getattr(index_tables, name)(record.read(name)), marks)
    return {main: marked(main.read_text(), summary(measured)), own: tables}


def marked(text: str, between: str, marks: tuple[str, str] = MARKS) -> str:
    """The text with `between` between its marks. Raises ValueError unless each mark occurs exactly once."""
    start, end = marks
    if text.count(start) != 1 or text.count(end) != 1:
        raise ValueError(f"the marks {start.strip()} and {end.strip()} must be there, once each")
    before, after = text.split(start)
    return before + start + between + end + after.split(end)[1]


def stamp(measured: Sequence[Row]) -> str:
    """Hash of the data that speed.png is drawn from."""
    return digest([shown(measured)])


def shown(measured: Iterable[Row]) -> list[Row]:
    """The ratios that have a target."""
    return [row for row in promised(measured) if row["unit"] in RATIOS]


def draw(measured: Sequence[Row], folder: Path) -> None:
    """Bars of every ratio with a target, on a logarithmic axis; black ticks are the targets."""
    bars = shown(measured)
    figure, (axes,) = figures.panels(1, width=9, height=0.9 + 0.24 * len(bars))
    for place, row in enumerate(bars):
        first = row["met"] not in [other["met"] for other in bars[:place]]
        value, wanted, low, high = (float(row[key] or row["value"]) for key in ("value", "wanted", "low", "high"))
        # A bar begins at 1 (equal speed) and extends to the right if simbench is faster, to the left if it is slower.
        axes.barh(
            place,
            value - 1,
            0.7,
            left=1,
            color=figures.colour(0 if row["met"] == "true" else 1),
            label=("target met" if row["met"] == "true" else "target missed") if first else "",
        )
        axes.plot([low, high], [place, place], color="grey", linewidth=1)
        axes.plot([wanted, wanted], [place - 0.42, place + 0.42], color="black", linewidth=2)
    labels = [f"{row['what']}, {row['where']}" for row in bars]
    axes.set_yticks(range(len(bars)), labels, fontsize=7)
    axes.set_ylim(len(bars) - 0.4, -0.6)
    axes.set_xscale("log")
    axes.set_xticks(_ticks(bars), [f"{tick:g}" for tick in _ticks(bars)])
    axes.minorticks_off()
    axes.axvline(1, color="black", linewidth=0.8)
    axes.plot([], [], color="black", linewidth=2, label="target")
    axes.plot([], [], color="grey", linewidth=1, label="smallest and largest repeat")
    figures.describe(axes, "", "time of what it is held against, over time of simbench")
    figures.legend(figure, [axes])
    figures.save(figure, folder, "speed", stamp(measured))


def _ticks(bars: Iterable[Row]) -> list[float]:
    """1, 2, 5, 10, ... around every value, target and repeat."""
    values = [float(row[key]) for row in bars for key in ("value", "wanted", "low", "high") if row[key]] + [1.0]
    steps = [step * 10.0**power for power in range(-3, 6) for step in (1, 2, 5)]
    return [step for step in steps if min(values) / 2 <= step <= max(values) * 2]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file is out of date")
    check = parser.parse_args().check
    measured = rows(record.FOLDER)
    stale = [path for path, text in texts(measured, record.ROOT).items() if path.read_text() != text]
    drawn = not shown(measured) or figures.current(record.FOLDER, "speed", stamp(measured))
    if check:
        for path in [*stale, *([] if drawn else [record.FOLDER / "speed.png"])]:
            print(f"{path.relative_to(record.ROOT)} does not show what results/speed holds: run benchmarks/report.py")
        return 1 if stale or not drawn else 0
    for path, text in texts(measured, record.ROOT).items():
        path.write_text(text)
    if not drawn:
        draw(measured, record.FOLDER)
    return 0


if __name__ == "__main__":
    sys.exit(main())
