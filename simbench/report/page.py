"""One self-contained HTML file of results."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from simbench import columns
from simbench.columns import INDEX, METHODS
from simbench.report import gallery, points, provenance, ranking
from simbench.report.answer import answer
from simbench.report.heat import heat_maps
from simbench.report.still import first, pairwise
from simbench.report.names import about, labels, setting, settings, truth
from simbench.report.tables import Tables, Words
from simbench.results.board import SCOPES, TARGETS
from simbench.system import atomic
from simbench.system.stopwatch import stage

#: File of the page in a results folder.
PAGE = "report.html"


@stage("page")
def write(tables: Tables, to: Path, words: Words | None = None) -> Path:
    """Write the page of some tables to a file, atomically, and return it."""
    atomic.write(to, page(tables, words or Words()).encode())
    return to


def page(tables: Tables, words: Words) -> str:
    """The page: HTML that asks for nothing else, with its data as one JSON block."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("simbench.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "places": places, "interval": interval}
    data = contents(tables, words)
    pictures = [each.pop("picture") for each in data["figures"]]
    style, script = (environment.loader.get_source(environment, name)[0] for name in ("style.css", "script.js"))
    static = {
        "style": style,
        "script": script,
        "hashes": {"style": _hash(style), "script": _hash(script)},
        "json": inert(data),
        "pictures": pictures,
        "first": first(tables, data),
        "pairwise": pairwise(data),
        "networks": provenance.networks(tables.measurements, tables.weights),
        "problems": provenance.problems(tables.measurements, tables.methods),
        "timings": provenance.timed(tables.timings, tables.methods),
        "runs": tables.runs.astype(object).where(tables.runs.notna(), "").to_dict("records"),
        "columns": columns.board(tables.declared),
        "methods": [_method(row, words) for row in tables.methods.to_dict("records")],
        "folders": [path.name for path in tables.folders],
        "fields": {name: at for at, name in enumerate(data["fields"])},
        "heat": heat_maps(tables.measurements, tables.methods),
    }
    return environment.get_template("page.html").render(data=data, **static)


def contents(tables: Tables, words: Words) -> dict[str, Any]:
    """The data of the page: what the script draws from."""
    board, methods = tables.leaderboard, tables.methods
    groups, keys = settings(board), labels(board, methods)
    ranked_by, scope = (
        (board[name].iloc[0] if len(board) else default)
        for name, default in (("target", columns.RANKED_BY), ("scope", "within"))
    )
    controls = {row["method"] for row in methods.to_dict("records") if truth(row["control"]) and row["kind"] == INDEX}
    declared = {name: column for name, column in tables.declared.items() if board[name].notna().any()}
    cells = [points.cells(tables.measurements, methods, group, keys, ranked_by) for group in groups]
    return {
        "settings": [
            setting(group)
            | {"answer": answer(board, tables.comparisons, group, keys, controls)}
            | _size(board, group)
            for group in groups
        ],
        "target": ranked_by,
        "targets": {name: TARGETS.get(name, name) for name in {ranked_by, points.SHOWN}},
        "scope": scope,
        "scopes": SCOPES,
        "indices": about(keys, methods, tables.timings, words.costs),
        "families": {row["spec"]: row["family"] for row in methods.to_dict("records") if row["kind"] != INDEX},
        "added": [
            {"name": name, "heading": column.heading, "meaning": column.meaning} for name, column in declared.items()
        ],
        "fields": [*ranking.FIELDS, *declared],
        "board": ranking.rows(board, groups, keys, methods, list(declared)),
        "matrix": ranking.matrix(tables.comparisons, groups, keys, methods),
        "cells": cells,
        "layerwise": points.layerwise(tables.correlations, methods, groups, keys, ranked_by),
        "along": points.along(tables.measurements, methods),
        "figures": gallery.gallery(
            tables.figures, tables.measurements, methods, tables.timings, tables.runs, words.captions
        ),
    }


def inert(data: Any) -> str:
    """JSON that stays data inside a script element, whatever text it holds."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


def number(value: Any, digits: int = 2) -> str:
    """A number to so many places, "" where there is none."""
    return "" if value is None or value != value else f"{value:.{digits}f}".replace("-", "−")


def interval(row: Sequence[Any], fields: Mapping[str, int], scope: str) -> str:
    """The value of a scope and its interval."""
    value, low, high = (row[fields[scope + end]] for end in ("", "_low", "_high"))
    return number(value) + ("" if low is None else f" [{number(low)}, {number(high)}]")


def places(value: float, width: float = 150) -> float:
    """Where a correlation stands on an axis from -1 to 1 of that many pixels."""
    return round((min(max(value, -1.0), 1.0) + 1) / 2 * width, 1)


def _hash(text: str) -> str:
    """What a browser compares an element's text with before it applies it."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _method(row: Mapping[str, Any], words: Words) -> dict[str, Any]:
    return {name: row[name] for name in METHODS} | {"formula": words.formulas.get(row["method"], "")}


def _size(board, group: tuple) -> dict[str, Any]:
    """How many networks, pairs and layers are behind a board, and by which design."""
    part = board[(board[columns.GROUP] == list(group)).all(axis=1)]
    counts = {name: part[name].max() for name in ("networks", "pairs", "layers")}
    known = {name: None if value is None or value != value else int(value) for name, value in counts.items()}
    return known | {"design": " or ".join(sorted({design for design in part["design"].fillna("") if design}))}
