"""What a page is made from: the tables and figures of one or several results folders."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from simbench import columns
from simbench.contracts import BoardColumn
from simbench.errors import InputError
from simbench.results import folder as results
from simbench.results.filed import content_of
from simbench.results.record import weights_of
from simbench.results.schema import fault
from simbench.system.seals import unsealed, unsealed_text

#: File of the page in a results folder.
PAGE = "report.html"


@dataclass(frozen=True)
class Words:
    """What installed plugins say. costs: spec of an index -> its cost. formulas: kind and name of an index or stitcher
    -> its description. captions: spec or name of an experiment -> what its figure shows. panels: name of a panel ->
    (name of a network -> hash of its weights, recipe that they were trained by)."""

    costs: Mapping[str, str] = field(default_factory=dict)
    formulas: Mapping[tuple[str, str], str] = field(default_factory=dict)
    captions: Mapping[str, str] = field(default_factory=dict)
    panels: Mapping[str, tuple[Mapping[str, str], Mapping[str, Any]]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Part:
    """What one of several folders holds: measurements, and names of its runs."""

    measurements: pd.DataFrame
    runs: frozenset[str]


@dataclass(frozen=True, eq=False)
class Tables:
    """The tables of a results folder with the columns of `simbench.columns`.

    declared: quantity -> column that experiments add to the leaderboard. folders: where they come from. figures: SVG
    files, each in figures/ of its folder. parts: folder -> what it holds, where there are several. weights: (model,
    name of a network) -> hash of its weights, where known. recipes: hash of weights -> recipe that they were trained by
    (fields of `simbench.Recipe`), where known.
    """

    measurements: pd.DataFrame
    methods: pd.DataFrame
    timings: pd.DataFrame
    runs: pd.DataFrame
    correlations: pd.DataFrame
    leaderboard: pd.DataFrame
    comparisons: pd.DataFrame
    declared: Mapping[str, BoardColumn]
    folders: tuple[Path, ...] = ()
    figures: tuple[Path, ...] = ()
    parts: Mapping[Path, Part] = field(default_factory=dict)
    weights: Mapping[tuple[str, str], str] = field(default_factory=dict)
    recipes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def of_folder(
    folder: Path, declared: Mapping[str, BoardColumn] = columns.NONE, frames: Mapping[str, pd.DataFrame] | None = None
) -> Tables:
    """The tables of one folder, as they stand. InputError where one is missing, or of a later version.

    frames: name without suffix -> table, where they have just been read."""
    missing = [name for name in results.FILES if not (folder / name).is_file()]
    if missing:
        raise InputError(
            f"{str(folder)!r} holds no {', '.join(missing)}; give a folder of `simbench run` or `simbench publish`, or "
            f"derive them from its records with `simbench leaderboard --results {folder}`"
        )
    if frames is None:
        frames = {Path(name).stem: results.read(folder, name, declared) for name in results.FILES}
    # an older leaderboard.csv may lack the column of an experiment
    shown = {name: column for name, column in declared.items() if name in frames["leaderboard"]}
    return Tables(
        **frames,
        declared=shown,
        folders=(folder,),
        figures=figures([folder]),
        weights=hashes([folder]),
        recipes=recipes([folder]),
    )


def figures(folders: Sequence[Path]) -> tuple[Path, ...]:
    """The SVG files of the figures, by name and then by folder; of equal ones the first."""
    found = [path for folder in folders for path in sorted((folder / "figures").glob("*.svg"))]
    different = {(path.name, path.read_bytes()): path for path in reversed(found)}.values()
    return tuple(sorted(different, key=lambda path: (path.name, found.index(path))))


def hashes(folders: Sequence[Path]) -> dict[tuple[str, str], str]:
    """(model, name of a network) -> hash of its weights, from cuts.csv, cards of publications and records."""
    found: dict[tuple[str, str], str] = {}
    for folder in folders:
        for side in "ab" if (folder / "cuts.csv").is_file() else "":
            rows = results.read(folder, "cuts.csv")[[f"model_{side}", f"seed_{side}", f"weights_{side}"]]
            found |= {row[:2]: row[2] for row in rows.drop_duplicates().itertuples(index=False, name=None) if row[2]}
        for each in _list(_card(folder), "networks"):
            with suppress(AttributeError, KeyError, TypeError):  # of a later form
                found[str(each["model"]), str(each["name"])] = str(each["weights"])
        for path in sorted((folder / "records").glob("*/*.json")):
            text = content_of(path)
            if b'"network"' not in text:  # of thousands of records, those of networks are few
                continue
            record = unsealed_text(text)
            if record and not fault(record) and record["labels"]["kind"] == columns.NETWORK:
                labels = record["labels"]
                found[labels["model_a"], labels["seed_a"]] = weights_of(record["identity"], "a")
    return found


def _card(folder: Path) -> dict[str, Any]:
    """The card of a publication, {} where there is none that can be read."""
    try:
        card = json.loads(content_of(folder / "card.json"))
    except (ValueError, RecursionError):
        return {}
    return card if isinstance(card, dict) else {}


def _list(of: Mapping[str, Any], name: str) -> list[Any]:
    return of[name] if isinstance(of.get(name), list) else []


def recipes(folders: Sequence[Path]) -> dict[str, Mapping[str, Any]]:
    """Hash of weights -> recipe, from the cards of publications and the descriptions of runs."""
    told: list[Mapping[str, Any]] = []
    for folder in folders:
        told += [_card(folder)]
        told += [unsealed(path) or {} for path in sorted((folder / "runs").glob("*.json"))]
    found = {}
    for each in told:
        for entry in _list(each, "trained"):
            with suppress(AttributeError, KeyError, TypeError):  # of a later form
                found |= dict.fromkeys(entry["weights"], entry["recipe"])
    return {str(weights): recipe for weights, recipe in found.items() if isinstance(recipe, dict)}
