"""Files that are there whole or not at all, whatever kills the writer."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write(path: Path, content: bytes | str) -> None:
    """Write to a temporary name in the same folder, flush to the disk, rename onto `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=".tmp-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
