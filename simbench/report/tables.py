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
from simbench.system.seals import unsealed

#: File of the page in a results folder.
PAGE = "report.html"


@dataclass(frozen=True)
class Words:
    """What installed plugins say. costs: spec of an index -> its cost. formulas: kind and name of an index or stitcher
    -> its description. captions: spec or name of an experiment -> what its figure shows."""

    costs: Mapping[str, str] = field(default_factory=dict)
    formulas: Mapping[tuple[str, str], str] = field(default_factory=dict)
    captions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Tables:
    """The tables of a results folder with the columns of `simbench.columns`.

    declared: quantity -> column that experiments add to the leaderboard. folders: where they come from. figures: SVG
    files. weights: (model, name of a network) -> hash of its weights, where known. recipes: hash of weights -> recipe
    that they were trained by (fields of `simbench.Recipe`), where known.
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
    """The SVG files of the figures, one of each name."""
    found = {path.name: path for folder in reversed(folders) for path in sorted((folder / "figures").glob("*.svg"))}
    return tuple(found[name] for name in sorted(found))


def hashes(folders: Sequence[Path]) -> dict[tuple[str, str], str]:
    """(model, name of a network) -> hash of its weights, from the cards of publications and from records."""
    found: dict[tuple[str, str], str] = {}
    for folder in folders:
        if (folder / "card.json").is_file():
            card = json.loads((folder / "card.json").read_text())
            found |= {(each["model"], each["name"]): each["weights"] for each in card.get("networks", ())}
        for path in sorted((folder / "records").glob("*/*.json")):
            if b'"network"' not in path.read_bytes():  # of thousands of records, those of networks are few
                continue
            record = unsealed(path)
            if record and record["labels"]["kind"] == columns.NETWORK:
                labels = record["labels"]
                found[labels["model_a"], labels["seed_a"]] = str(record["identity"]["a"][2])
    return found


def recipes(folders: Sequence[Path]) -> dict[str, Mapping[str, Any]]:
    """Hash of weights -> recipe, from the cards of publications and the descriptions of runs."""
    told: list[Mapping[str, Any]] = []
    for folder in folders:
        if (folder / "card.json").is_file():
            told.append(json.loads((folder / "card.json").read_text()))
        told += [unsealed(path) or {} for path in sorted((folder / "runs").glob("*.json"))]
    found = {}
    for each in told:
        trained = each.get("trained")
        for entry in trained if isinstance(trained, list) else ():
            with suppress(AttributeError, KeyError, TypeError):  # of a later form
                found |= dict.fromkeys(entry["weights"], entry["recipe"])
    return {str(weights): recipe for weights, recipe in found.items() if isinstance(recipe, dict)}
