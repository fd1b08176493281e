"""Which installed packages provide which modules."""

from __future__ import annotations

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
            provided[top] = (*provided.get(top, ()), each.metadata["Name"])
    return provided


def _provided(distribution: metadata.Distribution) -> set[str]:
    """What a distribution declares, or the first part of each of its Python files."""
    if declared := (distribution.read_text("top_level.txt") or "").split():
        return set(declared)
    files = [file for file in distribution.files or () if file.suffix == ".py"]
    return {file.parts[0] if len(file.parts) > 1 else file.with_suffix("").name for file in files}
