"""The options of every script, --quick and --out, and its output."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import record
from record import Figure


def asked(
    description: str,
    words: Sequence[str] | None = None,
    more: Callable[[argparse.ArgumentParser], object] = lambda parser: None,
) -> argparse.Namespace:
    """quick: sizes that take seconds and say nothing about speed. out: folder for results, None with --quick alone.
    more: adds a script's own options."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to test the script; writes only to --out")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="folder for tables  [default: results/speed]")
    more(parser)
    given = parser.parse_args(words)
    if given.out is None and not given.quick:
        given.out = record.FOLDER
    return given


def answer(name: str, figures: Iterable[Figure], out: Path | None) -> list[Figure]:
    """Print each figure as soon as it is measured, and write <name>.csv and the line in runs.csv if there is a folder,
    even if a later figure fails or is interrupted."""
    measured: list[Figure] = []
    try:
        for figure in figures:
            print(line(figure), flush=True)
            measured.append(figure)
    finally:
        if out is not None and measured:
            print(f"written: {record.write(name, measured, out)}")
    return measured


def line(figure: Figure) -> str:
    """`3  cka and the rest, tiny10 bn3: 2.51 x [2.4, 2.6] against the usual way; at least 2: met`"""
    between = "" if figure.low is None else f" [{figure.low:.4g}, {figure.high:.4g}]"
    text = f"{figure.target}  {figure.what}, {figure.where}: {figure.value:.4g} {figure.unit}{between}"
    text += f" against {figure.against}" if figure.against else ""
    if figure.wanted is None:
        return text
    return f"{text}; at {'most' if figure.smaller else 'least'} {figure.wanted:g}: {'met' if figure.met else 'MISSED'}"
