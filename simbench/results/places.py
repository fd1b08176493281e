"""What lies in the place of a file or folder of a results folder, and is none."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from simbench.columns import OCCASIONAL, TABLES
from simbench.results.segments.locks import PACKING, WRITING
from simbench.results.segments.segment import FOLDER

_HEX = frozenset("0123456789abcdef")


def misplaced(results: Path) -> Iterator[tuple[Path, str]]:
    """(path, "file" or "folder", which it is not), for every path that a run writes to, or below."""
    records = results / "records"
    if records.is_dir():
        shards = [name for name in sorted(os.listdir(records)) if len(name) == 2 and _HEX.issuperset(name)]
        folders, files = [records / name for name in (*shards, FOLDER)], [records / WRITING, records / PACKING]
    else:
        folders, files = [records], []
    folders += [results / name for name in ("runs", "figures", "started")]
    files += [results / name for name in (*TABLES, *OCCASIONAL)]
    yield from ((path, "folder") for path in folders if os.path.lexists(path) and not path.is_dir())
    yield from ((path, "file") for path in files if os.path.lexists(path) and not path.is_file())
