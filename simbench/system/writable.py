"""Whether files can be written to a folder that need not exist yet."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def unwritable(folder: Path) -> str:
    """Why files cannot be written below `folder`, or "". Tries to write a temporary file."""
    existing = folder.absolute()
    while True:
        try:
            os.lstat(existing)
            break
        except (FileNotFoundError, NotADirectoryError):
            existing = existing.parent
        except (OSError, ValueError) as error:  # a name of over 255 bytes, or with a null byte
            return getattr(error, "strerror", None) or str(error)
    if not existing.is_dir():
        return f"{existing} is not a folder"
    try:
        with tempfile.TemporaryFile(dir=existing):
            return ""
    except OSError as error:
        return f"{existing} is read-only: {error.strerror or error}"
