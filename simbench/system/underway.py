"""What is under way: the work that processes side by side have begun, so that none of them does what another does."""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from simbench.system.started import held

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

#: Ends the names of the files of processes, and of their claims.
PROCESS, CLAIM = ".process", ".claim"
#: Held while a claim is made or others' are read.
LOCK = ".claiming"
#: Letters of a key.
LETTERS = 64


@dataclass(frozen=True)
class Claim:
    """Work of this process, by keys. file: says so to others; None where there are no claims."""

    keys: frozenset[str]
    file: Path | None = None


class UnderWay:
    """The claims of this process on work in a folder, beside those of others.

    A claim is a file of keys. It holds as long as the process holds the lock on its own file, which it loses when it
    dies, whatever it dies of and on whatever machine; there is no time after which it is taken for dead. One process
    at a time makes a claim, so no key is claimed twice. Where files cannot be locked, nothing is ever claimed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "started"
        self._name, self._file, self._number = "", -1, 0
        self._read: dict[str, frozenset[str]] = {}
        self.others: dict[str, str] = {}

    def claim(self, keys: Iterable[str]) -> Claim:
        """Claim those keys that no other process has under way. `others` then says who they are, by the names of
        their files."""
        wanted = frozenset(keys)
        if fcntl is None:
            return Claim(wanted)
        try:
            with self._alone():
                free = wanted.difference(*self._claimed())
                if not free:
                    return Claim(free)
                path = self.folder / f"{self._name}-{self._number}{CLAIM}"
                path.write_text("".join(sorted(free)))
                self._number += 1
                return Claim(free, path)
        except OSError:  # a file system without locks
            return Claim(wanted)

    def end(self, claim: Claim) -> None:
        """The work of a claim is done, or is given back."""
        if claim.file is not None:
            claim.file.unlink(missing_ok=True)

    def close(self) -> None:
        """Give back all claims of this process."""
        if self._file < 0:
            return
        with contextlib.suppress(OSError), self._alone():
            for path in self.folder.glob(f"{self._name}*"):
                path.unlink(missing_ok=True)
            if [path.name for path in self.folder.iterdir()] == [LOCK]:
                (self.folder / LOCK).unlink()
        os.close(self._file)
        self._file = -1
        with contextlib.suppress(OSError):  # it holds marks of others
            self.folder.rmdir()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """While no other process makes or reads claims. OSError where files cannot be locked."""
        while True:
            self.folder.mkdir(parents=True, exist_ok=True)
            try:
                lock = _opened(self.folder / LOCK)
            except FileNotFoundError:  # another process has just removed the folder
                continue
            try:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not _is(lock, self.folder / LOCK):  # it was removed while we waited
                    continue
                if self._file < 0:
                    self._enter()
                yield
                return
            finally:
                os.close(lock)

    def _enter(self) -> None:
        """The file of this process, which says who it is."""
        self._file, path = tempfile.mkstemp(PROCESS, "", self.folder)
        self._name = Path(path).name.removesuffix(PROCESS)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        os.write(self._file, f"process {os.getpid()} on {socket.gethostname()}".encode())

    def _claimed(self) -> Iterator[frozenset[str]]:
        """The claims of others that live; what dead ones have left is removed."""
        names = sorted(os.listdir(self.folder))
        alive, read = {}, {}
        for name in (name.removesuffix(PROCESS) for name in names if name.endswith(PROCESS)):
            path = self.folder / f"{name}{PROCESS}"
            if name != self._name and held(path):
                alive[name] = path.read_text()
            elif name != self._name:
                path.unlink(missing_ok=True)
        for file in (name for name in names if name.endswith(CLAIM)):
            owner, path = file.rpartition("-")[0], self.folder / file
            if owner in alive:
                read[file] = self._read.get(file) or _keys(path)
            elif owner != self._name:
                path.unlink(missing_ok=True)
        self.others, self._read = alive, read
        yield from read.values()


def _opened(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except PermissionError:  # of somebody else, in a folder that several people write to
        return os.open(path, os.O_RDONLY)


def _keys(path: Path) -> frozenset[str]:
    try:
        text = path.read_text()
    except FileNotFoundError:  # it has just ended
        text = ""
    return frozenset(text[at : at + LETTERS] for at in range(0, len(text), LETTERS))


def _is(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), os.stat(path))
    except FileNotFoundError:
        return False
