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

#: Ends the names of the files of processes.
PROCESS = ".process"
#: Held while a claim is made, given back, or others' are read.
LOCK = ".claiming"
#: Letters of a key.
LETTERS = 64


@dataclass(frozen=True, eq=False)
class Claim:
    """Work of this process, by keys. place: where the file of the process says so to others; None where it does not."""

    keys: frozenset[str]
    place: int | None = None


class UnderWay:
    """The claims of this process on work in a folder, beside those of others.

    The file of a process says who it is and, behind that, the keys that it has claimed. It holds as long as the process
    holds the lock on it, which it loses when it dies, whatever it dies of and on whatever machine; there is no time
    after which it is taken for dead. One process at a time makes a claim, so no key is claimed twice. Where files
    cannot be locked, nothing is ever claimed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "started"
        self._name, self._file = "", -1
        self._claims: set[Claim] = set()
        self._end = 0
        self._free: list[tuple[int, int]] = []  # (place, size) of claims that were given back
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
                claim = Claim(free, self._put("".join(sorted(free)).encode()) if free else None)
        except OSError:  # a file system without locks
            return Claim(wanted)
        self._claims.add(claim)
        return claim

    def end(self, claim: Claim) -> None:
        """The work of a claim is done, or is given back."""
        if claim.place is None or claim not in self._claims:
            return
        self._claims.remove(claim)
        with contextlib.suppress(OSError), self._alone():
            self._blank(claim.place, LETTERS * len(claim.keys))

    def close(self) -> None:
        """Give back all claims of this process."""
        if self._file < 0:
            return
        with contextlib.suppress(OSError), self._alone():
            (self.folder / f"{self._name}{PROCESS}").unlink(missing_ok=True)
            if [path.name for path in self.folder.iterdir()] == [LOCK]:
                (self.folder / LOCK).unlink()
        os.close(self._file)
        self._claims.clear()
        self._free.clear()
        self._file = -1
        with contextlib.suppress(OSError):  # it holds marks of others
            self.folder.rmdir()

    def _put(self, keys: bytes) -> int:
        """Write keys in place of ones that were given back, or behind all others. Where they are."""
        at = next((at for at, (_, size) in enumerate(self._free) if size >= len(keys)), None)
        place, size = self._free.pop(at) if at is not None else (self._end, len(keys))
        os.pwrite(self._file, keys, place)
        if size > len(keys):
            self._free.append((place + len(keys), size - len(keys)))
        self._end = max(self._end, place + len(keys))
        return place

    def _blank(self, place: int, size: int) -> None:
        """Leave keys to later ones: neighbouring places are one, and the file ends with the last key."""
        os.pwrite(self._file, b" " * size, place)
        free: list[tuple[int, int]] = []
        for start, length in sorted([*self._free, (place, size)]):
            if free and sum(free[-1]) == start:
                start, length = free[-1][0], free.pop()[1] + length
            free.append((start, length))
        if sum(free[-1]) == self._end:
            self._end = free.pop()[0]
            os.ftruncate(self._file, self._end)
        self._free = free

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """While no other process makes or reads claims. OSError where files cannot be locked."""
        path = f"{self.folder}/{LOCK}"
        while True:
            try:
                lock = _opened(path)
            except FileNotFoundError:  # at first, and where another process has just removed the folder
                self.folder.mkdir(parents=True, exist_ok=True)
                continue
            try:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not _is(lock, path):  # it was removed while we waited
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
        self._end = os.write(self._file, f"process {os.getpid()} on {socket.gethostname()}\n".encode())

    def _claimed(self) -> Iterator[frozenset[str]]:
        """The keys that others have claimed which live; what dead ones have left is removed."""
        self.others = {}
        for name in sorted(os.listdir(self.folder)):
            path, name = self.folder / name, name.removesuffix(PROCESS)
            if name == path.name or name == self._name:
                continue
            if held(path):
                self.others[name], _, text = path.read_text().partition("\n")
                keys = (text[at : at + LETTERS] for at in range(0, len(text), LETTERS))
                yield frozenset(key for key in keys if key.strip())
            else:
                path.unlink(missing_ok=True)


def _opened(path: str) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except PermissionError:  # of somebody else, in a folder that several people write to
        return os.open(path, os.O_RDONLY)


def _is(file: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(file), os.stat(path))
    except FileNotFoundError:
        return False
