"""What lies in the place of a file of simbench, and was not written by it: it makes way, and is not lost."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from itertools import count
from pathlib import Path


def full(path: Path) -> bool:
    """Whether a folder with anything in it lies there. simbench writes none in the place of a file."""
    return path.is_dir() and not path.is_symlink() and any(path.iterdir())


def make_way(path: Path) -> Path | None:
    """Make way for a file: an empty folder of its name is removed, and one that holds anything is renamed to
    NAME.aside-1, or the next free number. Returns its new path, None where nothing was renamed. Raises OSError."""
    try:
        if not stat.S_ISDIR(os.lstat(path).st_mode):
            return None
    except FileNotFoundError:
        return None
    with suppress(OSError):  # it holds something
        path.rmdir()
        return None
    for number in count(1):
        free = path.with_name(f"{path.name}.aside-{number}")
        if not os.path.lexists(free):
            os.rename(path, free)
            return free
    raise AssertionError
