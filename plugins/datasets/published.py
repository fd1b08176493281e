"""Data sets that torchvision fetches, verifies and reads: what all of them share."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from simbench import Dataset, InputError, Split, durable
from simbench.cache import cache_folder
from simbench.provenance import digest

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

    def prepare(self) -> None:
        self.fingerprint()

    def split(self, name: str) -> Split:
        return _splits(self, cache_folder("datasets"))[name]

    def fingerprint(self) -> str:
        """As of every data set; kept beside the files, and read from there while those are unchanged."""
        sidecar = cache_folder("datasets", f"{self.name}.json")
        try:
            known = json.loads(sidecar.read_text())
            if known["key"] == self._key():
                return known["fingerprint"]
        except (OSError, ValueError, KeyError, TypeError):
            pass
        value = super().fingerprint()
        durable.write(sidecar, json.dumps({"key": self._key(), "fingerprint": value}))
        return value

    def _key(self) -> str:
        """Changes with the names, sizes and times of the unpacked files, and with the normalisation."""
        files = sorted(cache_folder("datasets", self.unpacked).glob("*"))
        stamps = [[file.name, file.stat().st_size, file.stat().st_mtime_ns] for file in files]
        return digest([self.version, stamps, list(self.mean), list(self.std)])


@lru_cache(maxsize=1)  # of the process, not of the object, which would carry the images into every pickle
def _splits(data: Published, folder: Path) -> dict[str, Split]:
    """Both splits from torchvision's files in `folder`, which it fetches when they are absent or broken."""
    import numpy as np

    with fetching(data, folder) as original:
        parts = {name: data.arrays(original(folder, train=name == "train", download=True))
                 for name in ("train", "test")}
    return {name: Split(np.ascontiguousarray(images), np.asarray(labels, np.int64))
            for name, (images, labels) in parts.items()}


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
        return InputError(f"{data.name}: the unpacked files in {home} are broken ({reason}); remove them, and they are "
                          "unpacked or fetched anew")
    unusable = [archive for archive in archives if not archive.intact()]
    broken = [archive.file.name for archive in unusable if archive.file.exists()]
    state = f"the {broken[0]} in {home} is broken or incomplete" if broken else f"no usable copy is in {home}"
    wanted = unusable or archives
    by_hand = ", ".join(f"{archive.file.name} (md5 {archive.md5})" for archive in wanted)
    return InputError(f"{data.name}: {state}, and fetching {wanted[0].url} failed ({reason}); put {by_hand} there by "
                      f"hand{data.otherwise}")
