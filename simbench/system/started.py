"""What was started: the work that each process has under way, in a file that outlives a process that dies of it."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

#: Ends the names of the files.
SUFFIX = ".started"


class Started:
    """The mark of this process in a results folder: one file that holds the key of the case under way.

    The file is locked as long as the process lives, and removed by `close`. A file without a lock is what a process
    left that was killed, or died of its case. Writing a mark takes microseconds: what it says is for other processes,
    not for other power supplies.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "started"
        self._file: int | None = None
        self._path: Path | None = None

    def left(self) -> dict[str, Path]:
        """Key of a case -> the mark that a dead process left of it."""
        return dict(self.dead())

    def dead(self) -> list[tuple[str, Path]]:
        """(key, mark) of every mark that a dead process left."""
        marks = []
        for path in sorted(self.folder.glob(f"*{SUFFIX}")) if self.folder.is_dir() else ():
            if path.is_symlink() or not path.is_file() or held(path):
                continue
            key = path.read_bytes()[:64].decode("ascii", "replace")
            if len(key.strip()) == 64:
                marks.append((key, path))
            else:  # its process was between two cases
                path.unlink(missing_ok=True)
        return marks

    def begin(self, key: str) -> None:
        """Mark a case as started."""
        if self._file is None:
            self._create()
        os.pwrite(self._file, key.encode(), 0)

    def end(self) -> None:
        """The case is done, or it raised: it killed nobody."""
        os.pwrite(self._file, b" " * 64, 0)

    def close(self) -> None:
        """Remove the mark of this process."""
        if self._file is not None:
            self._path.unlink(missing_ok=True)
            os.close(self._file)
            self._file = None
        with contextlib.suppress(OSError):  # there is no folder, or it holds marks of others
            self.folder.rmdir()

    def _create(self) -> None:
        while self._file is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):  # another process has just removed the empty folder
                self._file, name = tempfile.mkstemp(SUFFIX, "", self.folder)
                self._path = Path(name)
        if fcntl is not None:
            with contextlib.suppress(OSError):  # a file system without locks: marks seem to be left
                fcntl.flock(self._file, fcntl.LOCK_EX)


def held(path: Path) -> bool:
    """Whether a living process holds the file."""
    if fcntl is None:
        return False
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
        return False
