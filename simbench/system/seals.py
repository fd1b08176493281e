"""Sealed files: JSON with its own checksum, and hashes of other files, so that damaged files are detected."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from functools import lru_cache
from pathlib import Path

from simbench.system import atomic
from simbench.system.aside import make_way
from simbench.system.provenance import digest

#: Writes values; with line breaks in them it would not be the fast encoder.
_VALUE = json.JSONEncoder(sort_keys=True)


def sealed(data: dict) -> str:
    """JSON text of plain data with the checksum of its content, a line for each field."""
    plain = json.loads(json.dumps(data, allow_nan=False))
    fields = sorted({"checksum": digest(plain), **plain}.items())
    return "{\n" + ",\n".join(f" {json.dumps(name)}: {_VALUE.encode(value)}" for name, value in fields) + "\n}\n"


def unsealed(path: Path, **kinds: type) -> dict | None:
    """The data of a sealed file, or None when it is damaged or cannot be read, or lacks one of the fields `kinds`,
    or has one of another kind: it may be of another release."""
    try:
        data = unsealed_text(content(path))
    except OSError:
        return None
    return data if data is not None and all(type(data.get(name)) is kind for name, kind in kinds.items()) else None


def content(path: Path) -> bytes:
    """The bytes of a regular file. Raises OSError for anything else, and never waits for a FIFO."""
    opened = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with open(opened, "rb", buffering=0) as file:
        if not stat.S_ISREG(os.fstat(opened).st_mode):
            raise OSError(f"{path} is no file")
        return file.readall()


def unsealed_text(text: bytes | str) -> dict | None:
    """The data of a sealed text, or None when it is not what was written, or holds what is no text (lone surrogates)
    or no number (NaN)."""
    try:
        data = json.loads(text)
        checksum = data.pop("checksum")
        return data if digest(data) == checksum else None
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError):
        return None


def put(path: Path, content: bytes | str, flush: bool = True) -> atomic.Stamp:
    """Write a file atomically, in place of any file of that name; a folder makes way (`aside.make_way`). flush, and
    what is returned: as for `atomic.write`."""
    make_way(path)
    return atomic.write(path, content, flush)


def content_of(file: Path) -> str:
    """sha256 of a file, or "" when it cannot be read. An unchanged file is read once per process."""
    try:
        return _hashed(file, *stamps(file)) if file.is_file() else ""
    except OSError:
        return ""


def stamps(file: Path) -> tuple[int, ...]:
    """Size and times of a file, which change whenever it is written; () when there is no file."""
    try:
        status = file.stat()
    except OSError:
        return ()
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


@lru_cache(maxsize=4096)
def _hashed(file: Path, *_: int) -> str:
    with open(file, "rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
