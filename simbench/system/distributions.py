"""Which installed packages provide which modules."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import lru_cache
from importlib import metadata
from types import MappingProxyType


def distributions() -> Mapping[str, tuple[str, ...]]:
    """Top-level package or module -> distributions on sys.path that provide it, as
    `importlib.metadata.packages_distributions` tells; each folder is read once per process."""
    return _on_path(tuple(sys.path))


@lru_cache(maxsize=4)
def _on_path(path: tuple[str, ...]) -> Mapping[str, tuple[str, ...]]:
    provided: dict[str, tuple[str, ...]] = {}
    for folder in dict.fromkeys(path):
        for top, names in _in_folder(folder).items():
            provided[top] = provided.get(top, ()) + names
    return MappingProxyType(provided)


@lru_cache(maxsize=256)
def _in_folder(folder: str) -> Mapping[str, tuple[str, ...]]:
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
