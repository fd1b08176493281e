"""The leaderboard as HTML: of a page, and of a notebook."""

from __future__ import annotations

import math
import re
from functools import cache
from typing import TYPE_CHECKING, Any

import pandas as pd

from simbench import columns
from simbench.columns import INDEX
from simbench.report import ranking
from simbench.report.answer import answer, count, networks, stitches, unranked
from simbench.report.names import about, labels, setting, settings, truth
from simbench.report.points import SHOWN
from simbench.report.reasons import reasons
from simbench.report.tables import Tables, Words
from simbench.results.board import SCOPES, TARGETS

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

#: What stands between two or four backticks on one line.
_CODE = re.compile(r"``?([^`\n]+)``?")


def notebook(tables: Tables) -> str:
    """The answer and the leaderboard of the mean over stitchers, as a notebook shows them."""
    data = ranked(tables, Words())
    fields = {name: at for at, name in enumerate(data["fields"])}
    return templates().get_template("notebook.html").render(data=data, fields=fields, full=False)


def ranked(tables: Tables, words: Words) -> dict[str, Any]:
    """Plain data of the leaderboard: settings, indices, the columns and the rows."""
    board, methods = tables.leaderboard, tables.methods
    groups, keys = settings(board), labels(board, methods)
    ranked_by, scope = (
        (board[name].iloc[0] if len(board) else default)
        for name, default in (("target", columns.RANKED_BY), ("scope", "within"))
    )
    controls = {row["method"] for row in methods.to_dict("records") if truth(row["control"]) and row["kind"] == INDEX}
    declared = {name: column for name, column in tables.declared.items() if board[name].notna().any()}

    def said(group: tuple) -> str:
        why = reasons(tables.correlations, group, ranked_by)
        found = answer(board, tables.comparisons, group, keys, controls, why)
        return found or unranked(board, tables.measurements, group, why)

    return {
        "settings": [
            setting(group) | {"answer": said(group), "size": _size(tables.measurements, board, group)}
            for group in groups
        ],
        "target": ranked_by,
        "targets": {name: TARGETS.get(name, name) for name in (ranked_by, SHOWN)},
        "scope": scope,
        "scopes": SCOPES,
        "least": least(board, scope),
        "indices": about(keys, methods, tables.timings, words.costs),
        "families": {row["spec"]: row["family"] for row in methods.to_dict("records") if row["kind"] != INDEX},
        "added": [
            {"name": name, "heading": column.heading, "meaning": column.meaning} for name, column in declared.items()
        ],
        "fields": [*ranking.FIELDS, *declared],
        "board": ranking.rows(board, groups, keys, methods, list(declared)),
    }


@cache
def templates() -> Environment:
    """The templates, which escape every text, compiled once per process."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("simbench.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "places": places, "together": together, "coded": coded, "words": words}
    return environment


def source(environment: Environment, name: str) -> str:
    """The text of a stylesheet or script."""
    return environment.loader.get_source(environment, name)[0]


def number(value: Any, digits: int = 2) -> str:
    """A number to so many places, "" where there is none."""
    return "" if value is None or value != value else f"{value:z.{digits}f}".replace("-", "−")


def together(text: str) -> str:
    """A sentence in which no line ends before a %, and in which numbers have minus signs.

    >>> together("0.94 [-1.00, 1.00] at tiny-1")
    '0.94 [−1.00, 1.00] at tiny-1'
    """
    return re.sub(r"(?<=[\[ ])-(?=\d\.)", "−", text).replace(" %", "\u00a0%")


def coded(text: str) -> Markup:
    """Text in which what stands between backticks is code; everything else in it is text.

    >>> str(coded("`all` or ``a<b``, not a lone `"))
    '<code>all</code> or <code>a&lt;b</code>, not a lone `'
    """
    from markupsafe import Markup, escape

    parts = _CODE.split(text)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if at % 2 else escape(part) for at, part in enumerate(parts)
    )


def words(text: str) -> Markup:
    """A command in which lines end between words alone, not behind the hyphens of an option.

    >>> str(words("simbench run --seeds 3"))
    '<span>simbench</span> <span>run</span> <span>--seeds</span> <span>3</span>'
    """
    from markupsafe import Markup

    return Markup(" ").join(Markup("<span>{}</span>").format(word) for word in text.split(" "))


def places(value: float, least: float, width: float = 150) -> float:
    """Where a correlation stands on an axis from `least` to 1 of that many pixels."""
    return round((min(max(value, least), 1.0) - least) / (1 - least) * width, 1)


def least(board: pd.DataFrame, scope: str) -> float:
    """Where the axis of drawn intervals begins: a tenth at or below all of them, and below zero."""
    ends = board[[scope, f"{scope}_low"]].min().min()
    return -0.1 if pd.isna(ends) else max(-1.0, min(-0.1, math.floor(10 * ends) / 10))


def _size(measurements: pd.DataFrame, board: pd.DataFrame, group: tuple) -> str:
    """How many networks, pairs and layers were stitched, and by which design."""
    rows, part = stitches(measurements, group), board[(board[columns.GROUP] == list(group)).all(axis=1)]
    pairs, layers = (rows[[f"{name}_a", f"{name}_b"]].drop_duplicates() for name in ("seed", "layer"))
    design = " or ".join(sorted({design for design in part["design"].fillna("") if design}))
    crossed = (layers["layer_a"] != layers["layer_b"]).any()
    return ", ".join(
        (
            count(len(networks(rows)), "network"),
            count(len(pairs), "pair") + (f" ({design})" if design else ""),
            count(len(layers), "pair") + " of layers" if crossed else count(len(layers), "layer"),
        )
    )
