"""Which installed packages provide which modules."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Mapping
from functools import lru_cache
from importlib import metadata
from types import MappingProxyType


def distributions() -> Mapping[str, tuple[str, ...]]:
    """Top-level package or module -> distributions on sys.path that provide it, as
    `importlib.metadata.packages_distributions` tells; a folder is read again when it has changed."""
    return _on_path(tuple((folder, _changed(folder)) for folder in dict.fromkeys(sys.path)))


def _changed(folder: str) -> int:
    try:
        return os.stat(folder or ".").st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=4)
def _on_path(path: tuple[tuple[str, int], ...]) -> Mapping[str, tuple[str, ...]]:
    provided: dict[str, tuple[str, ...]] = {}
    for folder, changed in path:
        for top, names in _in_folder(folder, changed).items():
            provided[top] = provided.get(top, ()) + names
    return MappingProxyType(provided)


@lru_cache(maxsize=256)
def _in_folder(folder: str, changed: int) -> Mapping[str, tuple[str, ...]]:
    provided: dict[str, tuple[str, ...]] = {}
    for each in metadata.distributions(path=[folder]):
        for top in _provided(each):
            provided[top] = (*provided.get(top, ()), _name(each))
    return provided


def _provided(distribution: metadata.Distribution) -> set[str]:
    """What a distribution declares, or the first part of each of its Python files."""
    if declared := (distribution.read_text("top_level.txt") or "").split():
        return set(declared)
    record = distribution.read_text("RECORD")  # `distribution.files` makes a path of each of tens of thousands of lines
    rows = ([str(file)] for file in distribution.files or ()) if record is None else csv.reader(record.splitlines())
    names = (row[0] for row in rows if row)
    return {name.partition("/")[0].removesuffix(".py") for name in names if name.endswith(".py")}


def _name(distribution: metadata.Distribution) -> str:
    """As its metadata tell, which end with a long description."""
    head = (distribution.read_text("METADATA") or "").partition("\n\n")[0]
    found = next((line for line in head.splitlines() if line.startswith("Name:")), "")
    return found.removeprefix("Name:").strip() or distribution.metadata["Name"]
