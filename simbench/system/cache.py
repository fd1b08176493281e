"""The cache folder: data sets, trained weights and hashes, which are computed again when they are removed."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

#: The only sub-folders that simbench creates there, and so the only ones that it counts and removes.
FOLDERS = ("datasets", "weights", "checkpoints", "graphs", "panels", "parcels")


def cache_folder(*parts: str) -> Path:
    """`$SIMBENCH_CACHE` (the user's cache folder by default), joined with `parts`; not created."""
    given = os.environ.get("SIMBENCH_CACHE")
    if given:
        root = Path(given).expanduser()
    elif sys.platform == "darwin":
        root = Path.home() / "Library/Caches/simbench"
    elif sys.platform == "win32":
        root = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData/Local")) / "simbench"
    else:
        root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "simbench"
    return root.joinpath(*parts)


def contents() -> dict[str, tuple[int, int]]:
    """Sub-folder of the cache -> (number of files, bytes)."""
    totals = {}
    for name in FOLDERS:
        sizes = [file.stat().st_size for file in cache_folder(name).rglob("*") if file.is_file()]
        if sizes:
            totals[name] = (len(sizes), sum(sizes))
    return totals


def clear() -> tuple[int, int]:
    """Remove everything this package cached; returns (number of files, bytes) removed."""
    removed = contents()
    for name in removed:
        shutil.rmtree(cache_folder(name))
    return sum(files for files, _ in removed.values()), sum(size for _, size in removed.values())
