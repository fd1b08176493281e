"""Locks between processes that write records and one that packs them into segments."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from simbench.errors import InputError

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

#: In the folder of records: held shared while a record is written, and alone while packed ones are removed.
WRITING = ".writing"
#: In the folder of records: held by the process that packs.
PACKING = ".packing"


@contextmanager
def writing(records: Path) -> Iterator[None]:
    """While a record is written. Without locks on a file system, nothing is packed there."""
    if fcntl is None:
        yield
        return
    with _opened(records / WRITING) as file:
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_SH)
        yield


@contextmanager
def removing(records: Path) -> Iterator[None]:
    """While files of packed records are removed: nobody writes one meanwhile."""
    with _opened(records / WRITING) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def packing(records: Path) -> Iterator[bool]:
    """Whether this process may pack: one at a time does. InputError where files cannot be locked."""
    if fcntl is None:
        raise InputError("records cannot be packed on a system without file locks; they stay as they are")
    with _opened(records / PACKING) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        except OSError as error:
            raise InputError(
                f"records in {records} cannot be packed: its file system has no locks ({error.strerror})"
            ) from None
        yield True


def _made(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    try:
        file = _made(path)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = _made(path)
    except PermissionError:  # of somebody else, in a folder that several people write to
        file = os.open(path, os.O_RDONLY)
    try:
        yield file
    finally:
        os.close(file)
