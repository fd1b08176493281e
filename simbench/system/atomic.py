"""Atomic files: written completely or not at all, even if the writing process is killed."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write(path: Path, content: bytes | str, flush: bool = True) -> None:
    """Write to a temporary file in the same folder, flush it to the disk, and rename it to `path`.

    flush: False spares the milliseconds of the disk, for files that are checked when they are read: after a power
    failure `path` may then be empty or lack its end.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=".tmp-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            if flush:
                file.flush()
                os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
