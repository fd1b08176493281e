"""What is under way: the work that processes side by side have begun, so that none of them does what another does."""

from __future__ import annotations

import contextlib
import errno
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

#: Ends the names of the file that a process holds, and of that with its claims.
PROCESS, CLAIMS = ".process", ".claims"
#: Held while a claim is made, given back, or others' are read.
LOCK = ".claiming"
#: Letters of a key.
LETTERS = 64


@dataclass(frozen=True, eq=False)
class Claim:
    """Work of this process, by keys. place: where they are in its file of claims; None where others are not told."""

    keys: frozenset[str]
    place: int | None = None


class UnderWay:
    """The claims of this process on work in a folder, beside those of others.

    Each process has a file of the keys that it has claimed. Claims hold as long as the process holds the lock on
    another file of its own, which it loses when it dies, whatever it dies of and on whatever machine; there is no time
    after which it is taken for dead. One process at a time makes a claim, so no key is claimed twice. Where files
    cannot be locked, nothing is ever claimed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "started"
        self._name, self._file, self._end = "", -1, 0
        self._claims: set[Claim] = set()
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
        except OSError:  # a file system without locks, or a full one
            return Claim(wanted)
        self._claims.add(claim)
        return claim

    def end(self, claim: Claim) -> None:
        """The work of a claim is done, or is given back."""
        if claim not in self._claims:
            return
        self._claims.remove(claim)
        if claim.place is not None:
            with contextlib.suppress(OSError), self._alone():
                self._blank(claim.place, LETTERS * len(claim.keys))

    def close(self) -> None:
        """Give back all claims of this process."""
        if self._file < 0:
            return
        with contextlib.suppress(OSError), self._alone():
            for suffix in (CLAIMS, PROCESS):
                (self.folder / f"{self._name}{suffix}").unlink(missing_ok=True)
            if [path.name for path in self.folder.iterdir()] == [LOCK]:
                (self.folder / LOCK).unlink()
        os.close(self._file)
        self._file, self._end = -1, 0
        self._claims.clear()
        self._free.clear()
        with contextlib.suppress(OSError):  # it holds marks of others
            self.folder.rmdir()

    def _put(self, keys: bytes) -> int:
        """Write keys in place of ones that were given back, or behind all others. Where they are."""
        fit = next((each for each in self._free if each[1] >= len(keys)), (self._end, len(keys)))
        place, size = fit
        self._write(place, keys)
        if fit in self._free:
            self._free.remove(fit)
            if size > len(keys):
                self._free.append((place + len(keys), size - len(keys)))
        self._end = max(self._end, place + len(keys))
        return place

    def _blank(self, place: int, size: int) -> None:
        """Leave keys to later ones: neighbouring places are one, and the file ends with the last key."""
        free: list[tuple[int, int]] = []
        for start, length in sorted([*self._free, (place, size)]):
            if free and sum(free[-1]) == start:
                start, length = free[-1][0], free.pop()[1] + length
            free.append((start, length))
        end = free.pop()[0] if sum(free[-1]) == self._end else self._end
        self._write(place, b" " * size, end)
        self._free, self._end = free, end

    def _write(self, place: int, content: bytes, end: int | None = None) -> None:
        """Write into the file of claims, and close it: other machines see it then. end: where to cut it off."""
        path = self.folder / f"{self._name}{CLAIMS}"
        with open(os.open(path, os.O_RDWR | os.O_CREAT, 0o644), "r+b", buffering=0) as file:
            file.seek(place)
            if file.write(content) != len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
            if end is not None:
                file.truncate(end)

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
        file, path = tempfile.mkstemp(PROCESS, "", self.folder)
        try:
            os.fchmod(file, 0o644)
            fcntl.flock(file, fcntl.LOCK_EX)
            os.write(file, f"process {os.getpid()} on {socket.gethostname()}".encode())
        except OSError:
            os.close(file)
            os.unlink(path)
            raise
        self._file, self._name = file, Path(path).name.removesuffix(PROCESS)

    def _claimed(self) -> Iterator[frozenset[str]]:
        """The keys that others have claimed which live; what dead ones have left is removed."""
        self.others, files = {}, [self.folder / name for name in sorted(os.listdir(self.folder))]
        for path in (path for path in files if path.suffix == PROCESS and path.stem != self._name):
            if held(path):
                self.others[path.stem] = path.read_text()
            else:
                path.unlink(missing_ok=True)
        for path in (path for path in files if path.suffix == CLAIMS and path.stem != self._name):
            if path.stem in self.others:
                text = path.read_text()
                keys = (text[at : at + LETTERS] for at in range(0, len(text), LETTERS))
                yield frozenset(key for key in keys if key.strip())
            else:
                path.unlink(missing_ok=True)


def _opened(path: str) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except PermissionError:  # of somebody else, in a folder that several people write to
        if not os.path.lexists(path):
            raise
        return os.open(path, os.O_RDONLY)


def _is(file: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(file), os.stat(path))
    except FileNotFoundError:
        return False
