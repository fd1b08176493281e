"""Sealed files: JSON with its own checksum, and hashes of other files, so that damaged files are detected."""

from __future__ import annotations

import hashlib
import json
import shutil
from functools import lru_cache
from pathlib import Path

from simbench.system import atomic
from simbench.system.provenance import digest

#: Writes values; with line breaks in them it would not be the fast encoder.
_VALUE = json.JSONEncoder(sort_keys=True)


def sealed(data: dict) -> str:
    """JSON text of plain data with the checksum of its content, a line for each field."""
    plain = json.loads(json.dumps(data, allow_nan=False))
    fields = sorted({"checksum": digest(plain), **plain}.items())
    return "{\n" + ",\n".join(f" {json.dumps(name)}: {_VALUE.encode(value)}" for name, value in fields) + "\n}\n"


def unsealed(path: Path) -> dict | None:
    """The data of a sealed file, or None when it is damaged or cannot be read."""
    try:
        return unsealed_text(path.read_bytes())
    except OSError:
        return None


def unsealed_text(text: bytes | str) -> dict | None:
    """The data of a sealed text, or None when it is not what was written."""
    try:
        data = json.loads(text)
        checksum = data.pop("checksum")
        return data if digest(data) == checksum else None
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError):
        return None


def put(path: Path, content: bytes | str) -> None:
    """Write a cached file atomically, in place of any file or folder of that name."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    atomic.write(path, content)


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
