"""Atomic files: written completely or not at all, even if the writing process is killed."""

from __future__ import annotations

import os
from itertools import count
from pathlib import Path
from uuid import uuid4

#: Of this process. A process that is forked has the same, and makes names of its own number.
_OURS, _numbers = uuid4().hex[:8], count()
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)


#: Inode, size and time of a file: what changes when another is written in its place.
Stamp = tuple[int, int, int]


def stamp(path: Path) -> Stamp | None:
    """Of the file that is there now, None where there is none."""
    try:
        return _stamp(os.stat(path))
    except OSError:
        return None


def write(path: Path, content: bytes | str, flush: bool = True) -> Stamp:
    """Write to a temporary file in the same folder, flush it to the disk, and rename it to `path`. Returns its stamp,
    which `stamp(path)` is until another file is written there.

    flush: False spares the milliseconds of the disk, for files that are checked when they are read: after a power
    failure `path` may then be empty or lack its end.
    """
    temporary = f"{path.parent}/.tmp-{_OURS}-{os.getpid()}-{next(_numbers)}"
    try:
        handle = os.open(temporary, _FLAGS, 0o600)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(temporary, _FLAGS, 0o600)
    try:
        with open(handle, "wb", buffering=0) as file:
            left = memoryview(content.encode() if isinstance(content, str) else content)
            while left:
                left = left[file.write(left) :]
            if flush:
                os.fsync(handle)
            written = _stamp(os.fstat(handle))
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
        return written
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _stamp(status: os.stat_result) -> Stamp:
    return status.st_ino, status.st_size, status.st_mtime_ns
