"""The base class of data sets that torchvision downloads, verifies and reads."""

from __future__ import annotations

import sys
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from simbench_plugins.datasets.archives import Archive, fetching, mend

from simbench import Dataset, Split
from simbench.system.aside import make_way
from simbench.system.cache import cache_folder
from simbench.system.provenance import digest
from simbench.system.seals import content_of, put, sealed, stamps, unsealed

if TYPE_CHECKING:
    import numpy


class Published(Dataset):
    """Images that a class of torchvision.datasets downloads once into the cache folder; a copy that was put there by
    hand works, too.

    original: the name of that class. unpacked: the folder of the files that it reads, relative to the folder of all
    data sets; with this constant, torchvision need not be imported. otherwise: the end of the message of a failed
    download. patience: seconds without an answer after which a download fails; torchvision would wait for ever.
    """

    original: ClassVar[str]
    unpacked: ClassVar[str]
    patience: ClassVar[float] = 30
    otherwise: ClassVar[str] = ", or use imagefolder[path=...] on a folder of images"

    def archives(self, original: Any, folder: Path) -> list[Archive]:
        """The files that `original` downloads into `folder`."""
        raise TypeError(f"data set {self.name!r} names no archives")

    def arrays(self, part: Any) -> tuple[numpy.ndarray, numpy.ndarray]:
        """images (n, c, h, w) and labels (n,) of one split, as `original` has read it."""
        raise TypeError(f"data set {self.name!r} has no arrays")

    def unverified(self, archives: list[Archive]) -> bool:
        """Whether `original` uses existing unpacked files without verifying their content."""
        return False

    def unpack(self, archive: Archive, folder: Path) -> None:
        """Unpack an archive into a folder, which then replaces the parent of `unpacked`."""
        from torchvision.datasets.utils import extract_archive

        extract_archive(archive.file, folder)

    def prepare(self) -> None:
        self.fingerprint()

    @property
    def at_hand(self) -> bool:
        known = self.known()
        return known is not None and known["key"] == self._key()

    def split(self, name: str) -> Split:
        return _splits(self, cache_folder("datasets"))[name]

    def fingerprint(self) -> str:
        """The fingerprint of the images, stored beside the files and read from there as long as they do not change."""
        known = self.known()
        if known is not None and known["key"] == self._key():
            return known["fingerprint"]
        value = super().fingerprint()
        contents = {name: content_of(self._home / name) for name in self._files()}
        known = {"key": self._key(), "fingerprint": value, "folder": self.unpacked, "contents": contents}
        put(self._sidecar, sealed(known))
        return value

    def known(self) -> dict | None:
        """The stored fingerprint and hashes of files; None if they are missing or damaged."""
        known = unsealed(self._sidecar, key=str, fingerprint=str, contents=dict)
        if known is None and self._sidecar.exists():
            print(f"simbench: {self._sidecar} is damaged; it is computed again", file=sys.stderr)
            make_way(self._sidecar)
            self._sidecar.unlink(missing_ok=True)
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
        """Hash of the names, sizes and times of the unpacked files, and of the normalisation."""
        written = [[name, *stamps(self._home / name)] for name in self._files()]
        return digest([self.version, written, list(self.mean), list(self.std)])


@lru_cache(maxsize=1)  # a cache of the process: one of the object would put the images into every pickle
def _splits(data: Published, folder: Path) -> dict[str, Split]:
    """Both splits, read by torchvision from `folder`; it downloads files that are missing or damaged."""
    import numpy as np

    with fetching(data, folder) as original:
        mend(data, original, folder)
        parts = {
            name: data.arrays(original(folder, train=name == "train", download=True)) for name in ("train", "test")
        }
    return {
        name: Split(np.ascontiguousarray(images), np.asarray(labels, np.int64))
        for name, (images, labels) in parts.items()
    }
