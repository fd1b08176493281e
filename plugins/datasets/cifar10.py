"""CIFAR-10 as published, downloaded and verified by torchvision."""

from __future__ import annotations

import contextlib
import json
import socket
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from simbench import Dataset, InputError, Split, durable, hookimpl
from simbench.cache import cache_folder
from simbench.provenance import digest

#: Where torchvision unpacks the archive (its CIFAR10.base_folder, known here without importing it).
UNPACKED = "cifar-10-batches-py"
#: Seconds without an answer after which a download counts as failed; torchvision would wait for ever.
PATIENCE = 30


@dataclass(frozen=True)
class Cifar10(Dataset):
    """Photographs (3, 32, 32) of 10 classes: 50,000 train and 10,000 test images.

    Fetched once (170 MB) into the cache folder, where a copy put there by hand is taken as well.
    mean, std: the customary ones, with which the authors of the matching paper trained. This std is the mean
    of the images' own deviations; that of all pixels is (0.2470, 0.2435, 0.2616).
    """

    name = "cifar10"
    source = "Krizhevsky 2009, Learning multiple layers of features from tiny images; normalisation of " \
             "Csiszarik et al. 2021, code"
    channels, classes = 3, 10
    mean, std = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)
    epochs, augment = 30, True

    def prepare(self) -> None:
        self.fingerprint()

    def split(self, name: str) -> Split:
        return _splits(cache_folder("datasets"))[name]

    def fingerprint(self) -> str:
        """As of every data set; kept beside the files, and read from there while those are unchanged."""
        sidecar = cache_folder("datasets", "cifar10.json")
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
        files = sorted(cache_folder("datasets", UNPACKED).glob("*"))
        stamps = [[file.name, file.stat().st_size, file.stat().st_mtime_ns] for file in files]
        return digest([self.version, stamps, list(self.mean), list(self.std)])


@lru_cache(maxsize=1)  # of the process, not of the object, which would carry the images into every pickle
def _splits(folder: Path) -> dict[str, Split]:
    """Both splits from torchvision's files in `folder`, which it fetches when they are absent or broken."""
    import numpy as np
    from torchvision.datasets import CIFAR10

    try:
        with _impatient():
            parts = {name: CIFAR10(folder, train=name == "train", download=True) for name in ("train", "test")}
    except Exception as error:  # network, proxy, disk, archive: each library below raises its own
        raise _unavailable(folder, error) from error
    return {name: Split(np.ascontiguousarray(part.data.transpose(0, 3, 1, 2)), np.array(part.targets, np.int64))
            for name, part in parts.items()}


@contextlib.contextmanager
def _impatient():
    """New connections give up after PATIENCE seconds without an answer."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(PATIENCE)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _unavailable(folder: Path, error: Exception) -> InputError:
    """What was tried, why it failed and what else there is, in one line."""
    from torchvision.datasets import CIFAR10
    from torchvision.datasets.utils import check_integrity

    archive = folder / CIFAR10.filename
    broken = archive.exists() and not check_integrity(archive, CIFAR10.tgz_md5)
    state = f"the {archive.name} in {folder} is broken or incomplete" if broken else f"no usable copy is in {folder}"
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    return InputError(f"cifar10: {state}, and fetching {CIFAR10.url} failed ({reason}); put {archive.name} "
                      f"(md5 {CIFAR10.tgz_md5}) there by hand, or use imagefolder[path=...] on a folder of images")


@hookimpl
def simbench_datasets():
    return [Cifar10()]
