"""The files of a store."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from simbench.system.seals import content


def content_of(path: Path) -> bytes:
    """The bytes of a regular file, b"" where it cannot be read."""
    try:
        return content(path)
    except OSError:
        return b""


def named(folder: Path) -> Iterator[Path]:
    """Everything that is named as a record is, folders too: one in the place of a file is a fault. What such a folder
    holds is nobody's record."""
    found = []
    for place, folders, files in os.walk(folder):
        found += [f"{place}/{name}" for name in (*folders, *files) if name.endswith(".json")]
        folders[:] = [name for name in folders if "." not in name]
    yield from map(Path, sorted(path for path in found if not path.rpartition("/")[2].startswith(".tmp-")))
