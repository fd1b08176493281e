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
    """Everything that is named as a record is, folders too: one in the place of a file is a fault."""
    names = ((place, name) for place, folders, files in os.walk(folder) for name in (*folders, *files))
    paths = (f"{place}/{name}" for place, name in names if name.endswith(".json") and not name.startswith(".tmp-"))
    return map(Path, sorted(paths))
