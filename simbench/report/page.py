"""One self-contained HTML file of results."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from simbench import columns
from simbench.columns import METHODS
from simbench.report import gallery, points, provenance, ranking
from simbench.report.boards import ranked, source, templates
from simbench.report.heat import heat_maps
from simbench.report.names import labels, settings
from simbench.report.still import first, pairwise
from simbench.report.tables import Tables, Words
from simbench.results.claims import of_row
from simbench.system import atomic
from simbench.system.stopwatch import stage

_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


@stage("page")
def write(tables: Tables, to: Path, words: Words | None = None) -> Path:
    """Write the page of some tables to a file, atomically, and return it."""
    atomic.write(to, page(tables, words or Words()).encode(errors="backslashreplace"))  # paths may be no text
    return to


def page(tables: Tables, words: Words) -> str:
    """The page: HTML that asks for nothing else, with its data as one JSON block."""
    environment = templates()
    data = contents(tables, words)
    pictures = [each.pop("picture") for each in data["figures"]]
    style, script = (source(environment, name) for name in ("style.css", "script.js"))
    compared = pairwise(data)
    data["compared"] = compared and [compared["setting"], compared["stitcher"]]
    static = {
        "full": True,
        "ranked": _has(data, *ranking.SCOPES),
        "drawn": {
            "intervals": _has(data, f"{data['scope']}_low"),
            "ceilings": data["scope"] == "within" and _has(data, "ceiling"),
            "ranks": _has(data, "best_rank"),
            "controls": any(index["control"] for index in data["indices"]),
        },
        "style": style,
        "script": script,
        "hashes": {"style": _hash(style), "script": _hash(script)},
        "json": inert(data),
        "pictures": pictures,
        "first": first(tables, data),
        "pairwise": compared,
        "networks": provenance.networks(tables.measurements, tables.weights, tables.recipes, words.panels),
        "problems": provenance.problems(tables.measurements, tables.methods),
        "counted": provenance.counted(tables.measurements),
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
    methods, measurements = tables.methods, tables.measurements
    data = ranked(tables, words)
    groups, keys = settings(tables.leaderboard), labels(tables.leaderboard, methods)
    return data | {
        "matrix": ranking.matrix(tables.comparisons, groups, keys, methods),
        "cells": [points.cells(measurements, methods, group, keys, data["target"]) for group in groups],
        "layerwise": points.layerwise(tables.correlations, methods, groups, keys, data["target"]),
        "along": points.along(measurements, methods),
        "figures": gallery.gallery(
            tables.figures, measurements, methods, tables.timings, tables.runs, words.captions, tables.parts
        ),
    }


def inert(data: Any) -> str:
    """JSON that stays data inside a script element, whatever text it holds."""
    try:
        text = _JSON.encode(data)
    except ValueError:  # means of huge numbers overflow
        text = _JSON.encode(_finite(data))
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


def _has(data: Mapping[str, Any], *names: str) -> bool:
    """Whether a row of the leaderboard has a value in one of these fields."""
    places = [data["fields"].index(name) for name in names]
    return any(row[place] is not None for row in data["board"] for place in places)


def _finite(data: Any) -> Any:
    """Plain data in which None stands for numbers that JSON does not have."""
    if isinstance(data, dict):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_finite(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data


def _hash(text: str) -> str:
    """What a browser compares an element's text with before it applies it."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _method(row: Mapping[str, Any], words: Words) -> dict[str, Any]:
    claims = of_row(row)
    said = {
        "formula": words.formulas.get((row["kind"], row["method"]), ""),
        "claims": claims.in_full() if claims else {},
    }
    return {name: row[name] for name in METHODS} | said
