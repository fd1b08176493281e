"""Data sets that torchvision fetches, verifies and reads: what all of them share."""

from __future__ import annotations

import contextlib
import shutil
import socket
import sys
import uuid
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from simbench import Dataset, InputError, Split
from simbench.system.cache import cache_folder
from simbench.system.provenance import digest
from simbench.system.seals import content_of, put, sealed, stamps, unsealed

if TYPE_CHECKING:
    import numpy

#: Seconds without an answer after which a download counts as failed; torchvision would wait for ever.
PATIENCE = 30


class Archive(NamedTuple):
    """A file as published. file: where torchvision looks for it. url: where it comes from. md5: of its content."""

    file: Path
    url: str
    md5: str

    def intact(self) -> bool:
        from torchvision.datasets.utils import check_integrity

        return check_integrity(self.file, self.md5)


class Published(Dataset):
    """Images that a class of torchvision.datasets fetches once into the cache folder, where a copy put there by hand
    is taken as well.

    original: the name of that class. unpacked: the folder of what it reads, below that of all data sets, known here
    without importing it. otherwise: what else can be done where nothing can be fetched.
    """

    original: ClassVar[str]
    unpacked: ClassVar[str]
    otherwise: ClassVar[str] = ", or use imagefolder[path=...] on a folder of images"

    def archives(self, original: Any, folder: Path) -> list[Archive]:
        """The files that `original` fetches into `folder`."""
        raise TypeError(f"data set {self.name!r} names no archives")

    def arrays(self, part: Any) -> tuple[numpy.ndarray, numpy.ndarray]:
        """images (n, c, h, w) and labels (n,) of one split, as `original` has read it."""
        raise TypeError(f"data set {self.name!r} has no arrays")

    def unverified(self, archives: list[Archive]) -> bool:
        """True when `original` takes the unpacked files that are there without a look at their content."""
        return False

    def unpack(self, archive: Archive, folder: Path) -> None:
        """Unpack an archive into a folder that stands for the one above `unpacked`."""
        from torchvision.datasets.utils import extract_archive

        extract_archive(archive.file, folder)

    def prepare(self) -> None:
        self.fingerprint()

    def split(self, name: str) -> Split:
        return _splits(self, cache_folder("datasets"))[name]

    def fingerprint(self) -> str:
        """As of every data set; kept beside the files, and read from there while those are not written to."""
        known = self.known()
        if known is not None and known["key"] == self._key():
            return known["fingerprint"]
        value = super().fingerprint()
        contents = {name: content_of(self._home / name) for name in self._files()}
        put(self._sidecar, sealed({"key": self._key(), "fingerprint": value, "contents": contents}))
        return value

    def known(self) -> dict | None:
        """What has been kept, None where nothing is or it is damaged."""
        known = unsealed(self._sidecar)
        if known is None and self._sidecar.exists():
            print(f"simbench: {self._sidecar} is damaged; it is computed again", file=sys.stderr)
            shutil.rmtree(self._sidecar) if self._sidecar.is_dir() else self._sidecar.unlink()
        return known

    @property
    def _sidecar(self) -> Path:
        return cache_folder("datasets", f"{self.name}.json")

    @property
    def _home(self) -> Path:
        return cache_folder("datasets", self.unpacked)

    def _files(self) -> list[str]:
        return sorted(file.name for file in self._home.glob("*"))

    def _key(self) -> str:
        """Changes with the names, sizes and times of the unpacked files, and with the normalisation."""
        written = [[name, *stamps(self._home / name)] for name in self._files()]
        return digest([self.version, written, list(self.mean), list(self.std)])


@lru_cache(maxsize=1)  # of the process, not of the object, which would carry the images into every pickle
def _splits(data: Published, folder: Path) -> dict[str, Split]:
    """Both splits from torchvision's files in `folder`, which it fetches when they are absent or broken."""
    import numpy as np

    with fetching(data, folder) as original:
        _mend(data, original, folder)
        parts = {
            name: data.arrays(original(folder, train=name == "train", download=True)) for name in ("train", "test")
        }
    return {
        name: Split(np.ascontiguousarray(images), np.asarray(labels, np.int64))
        for name, (images, labels) in parts.items()
    }


def _mend(data: Published, original: Any, folder: Path) -> None:
    """Unpack again what differs from what it was at first, or from what its archive holds, where there is one; else
    put it aside, so that it is fetched."""
    home, known = folder / data.unpacked, data.known()
    contents = known["contents"] if known is not None else {}
    archives = data.archives(original, folder)
    packed = {archive.file.name for archive in archives}
    broken = [
        name
        for name, content in contents.items()
        if name not in packed and (home / name).exists() and content_of(home / name) != content
    ]
    if not broken and (contents or not data.unverified(archives)):
        return
    intact = [archive for archive in archives if archive.intact()]
    temporary = folder / f".unpacking-{uuid.uuid4().hex}"
    try:
        for archive in intact:
            data.unpack(archive, temporary)
        fresh = {file.name: file for file in (temporary / data.unpacked).glob("*")}
        broken += [
            name
            for name, file in fresh.items()
            if not contents and (home / name).exists() and content_of(home / name) != content_of(file)
        ]
        for name in sorted(set(broken)):
            source = (
                f"unpacked again from {', '.join(archive.file.name for archive in intact)}"
                if name in fresh
                else "fetched again"
            )
            print(f"simbench: {home / name} is damaged; it is {source}", file=sys.stderr)
            if (home / name).is_dir():
                shutil.rmtree(home / name)
            if name in fresh:
                fresh[name].replace(home / name)
            else:
                (home / name).unlink(missing_ok=True)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def fetching(data: Published, folder: Path) -> Iterator[Any]:
    """torchvision's class, for which new connections give up after PATIENCE seconds without an answer.

    Whatever it raises becomes an InputError of one line."""
    from torchvision import datasets

    original = getattr(datasets, data.original)
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(PATIENCE)
    try:
        yield original
    except Exception as error:  # network, proxy, disk, archive: each library below raises its own
        raise _unavailable(data, data.archives(original, folder), error) from error
    finally:
        socket.setdefaulttimeout(before)


def _unavailable(data: Published, archives: list[Archive], error: Exception) -> InputError:
    """What was tried, why it failed and what else there is, in one line."""
    home = archives[0].file.parent
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    if data.unverified(archives):
        return InputError(
            f"{data.name}: the unpacked files in {home} are broken ({reason}); remove them, and they are "
            "unpacked or fetched anew"
        )
    unusable = [archive for archive in archives if not archive.intact()]
    broken = [archive.file.name for archive in unusable if archive.file.exists()]
    state = f"the {broken[0]} in {home} is broken or incomplete" if broken else f"no usable copy is in {home}"
    wanted = unusable or archives
    by_hand = ", ".join(f"{archive.file.name} (md5 {archive.md5})" for archive in wanted)
    return InputError(
        f"{data.name}: {state}, and fetching {wanted[0].url} failed ({reason}); put {by_hand} there by "
        f"hand{data.otherwise}"
    )
