"""Writes what results/speed holds into README.md, benchmarks/README.md and results/speed/speed.png and .svg.

`python benchmarks/report.py` writes; `--check` writes nothing and exits 1 when any of them says something else.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import record

from simbench.results import figures
from simbench.system.provenance import digest

Row = dict[str, str]

MARKS = "<!-- speed -->\n", "\n<!-- /speed -->"
COLUMNS = ("what", "where", "against", "factor [low, high]", "target", "met")
#: Units of a time or rate over ours: what the figure shows. Other figures are growth, seconds, bytes and rates.
RATIOS = ("x", "share")


def rows(folder: Path) -> list[Row]:
    """Every figure of every script, as text, by target and then as the scripts gave them."""
    names = sorted(path.stem for path in folder.glob("*.csv") if path.stem != "runs")
    return sorted((row for name in names for row in record.read(name, folder)), key=lambda row: int(row["target"]))


def promised(told: Iterable[Row]) -> list[Row]:
    """The figures that have a target."""
    return [row for row in told if row["wanted"]]


def short(told: Iterable[Row]) -> list[Row]:
    """One row for each promise: that of the place where it is kept worst, and how many places there are."""
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in promised(told):
        groups.setdefault(tuple(row[key] for key in ("target", "what", "against", "unit", "wanted")), []).append(row)
    return [_worst(group) for group in groups.values()]


def _worst(group: list[Row]) -> Row:
    worst = min(group, key=lambda row: -float(row["value"]) if row["smaller"] == "true" else float(row["value"]))
    if len(group) == 1:
        return worst
    missed = sum(row["met"] != "true" for row in group)
    return worst | {"where": f"worst of {len(group)}: {worst['where']}", "missed": f"{missed} of {len(group)}"}


def table(told: Sequence[Row]) -> str:
    """Markdown. Numbers stand as in the CSV; nothing is rounded up to a target."""
    if not told:
        return "Not measured yet."
    lines = [COLUMNS, tuple("---" for _ in COLUMNS), *map(_cells, told)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _cells(row: Row) -> tuple[str, ...]:
    unit = row["unit"]
    between = f" [{row['low']}, {row['high']}]" if row["low"] and row["low"] != row["high"] else ""
    wanted = f"{'≤' if row['smaller'] == 'true' else '≥'} {_with(row['wanted'], unit)}" if row["wanted"] else ""
    met = {"true": "yes", "false": "**no**", "": ""}[row["met"]]
    met += f" (missed in {row['missed']})" if "missed" in row and row["met"] != "true" else ""
    return row["what"], row["where"], row["against"], f"{_with(row['value'], unit)}{between}", wanted, met


def _with(value: str, unit: str) -> str:
    return value + {"x": "×", "": "", "share": ""}.get(unit, f" {unit}")


def texts(told: Sequence[Row], root: Path) -> dict[Path, str]:
    """file -> its text with the table that belongs there: one row for each promise, or everything."""
    return {
        root / name: marked((root / name).read_text(), table(chosen))
        for name, chosen in (("README.md", short(told)), ("benchmarks/README.md", told))
    }


def marked(text: str, between: str) -> str:
    """The text with something else between its marks. Raises ValueError when they are not both there, once."""
    start, end = MARKS
    if text.count(start) != 1 or text.count(end) != 1:
        raise ValueError(f"the marks {start.strip()} and {end.strip()} must be there, once each")
    before, after = text.split(start)
    return before + start + between + end + after.split(end)[1]


def stamp(told: Sequence[Row]) -> str:
    """What the figure is drawn from."""
    return digest([shown(told)])


def shown(told: Iterable[Row]) -> list[Row]:
    """The ratios that have a target."""
    return [row for row in promised(told) if row["unit"] in RATIOS]


def draw(told: Sequence[Row], folder: Path) -> None:
    """Bars of every ratio with a target, on a logarithmic axis; black ticks are the targets."""
    bars = shown(told)
    figure, (axes,) = figures.panels(1, width=9, height=0.9 + 0.24 * len(bars))
    for place, row in enumerate(bars):
        first = row["met"] not in [other["met"] for other in bars[:place]]
        value, wanted, low, high = (float(row[key] or row["value"]) for key in ("value", "wanted", "low", "high"))
        # A bar begins at 1, equal speed: to the right is faster than what it is held against, to the left slower.
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
    figures.save(figure, folder, "speed", stamp(told))


def _ticks(bars: Iterable[Row]) -> list[float]:
    """1, 2, 5, 10, ... around every value, target and repeat."""
    values = [float(row[key]) for row in bars for key in ("value", "wanted", "low", "high") if row[key]] + [1.0]
    steps = [step * 10.0**power for power in range(-3, 6) for step in (1, 2, 5)]
    return [step for step in steps if min(values) / 2 <= step <= max(values) * 2]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when something else stands there")
    check = parser.parse_args().check
    told = rows(record.FOLDER)
    stale = [path for path, text in texts(told, record.ROOT).items() if path.read_text() != text]
    drawn = not shown(told) or figures.current(record.FOLDER, "speed", stamp(told))
    if check:
        for path in [*stale, *([] if drawn else [record.FOLDER / "speed.png"])]:
            print(f"{path.relative_to(record.ROOT)} is not what results/speed holds: python benchmarks/report.py")
        return 1 if stale or not drawn else 0
    for path, text in texts(told, record.ROOT).items():
        path.write_text(text)
    if not drawn:
        draw(told, record.FOLDER)
    return 0


if __name__ == "__main__":
    sys.exit(main())
