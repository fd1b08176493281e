"""Small data sets in the formats in which CIFAR-10, CIFAR-100, MNIST and Fashion-MNIST are published."""

from __future__ import annotations

import gzip
import hashlib
import pickle
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torchvision
from simbench_plugins.datasets.published import Published

COUNTS = {"train": 20, "test": 4}


@dataclass(frozen=True)
class Publication:
    """archives: the files as published, in `folder`. unpacked: a folder of what they hold. images, labels: by split,
    as a network is given them."""

    folder: Path
    archives: list[Path]
    unpacked: Path
    images: dict[str, np.ndarray]
    labels: dict[str, np.ndarray]


def publish(data: Published, folder: Path, monkeypatch: pytest.MonkeyPatch, brighter: int = 0) -> Publication:
    """Write the archives and have torchvision expect exactly these. brighter: added to one test pixel."""
    rng = np.random.default_rng(0)
    shape = (data.channels, 28, 28) if issubclass(original(data), torchvision.datasets.MNIST) else (3, 32, 32)
    images = {name: rng.integers(0, 200, (n, *shape), dtype=np.uint8) for name, n in COUNTS.items()}
    labels = {name: rng.permutation(np.arange(n) * 7 % data.classes) for name, n in COUNTS.items()}
    images["test"][-1, 0, 0, 7] += brighter
    folder.mkdir(parents=True)
    return (_mnist if shape[0] == 1 else _cifar)(data, folder, monkeypatch, images, labels)


def original(data: Published) -> type:
    return getattr(torchvision.datasets, data.original)


def md5(file: Path) -> str:
    return hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()


def _cifar(data, folder, monkeypatch, images, labels) -> Publication:
    expected, fine = original(data), data.classes == 100
    unpacked = folder / data.unpacked
    unpacked.mkdir()
    lists = {name: [entry[0] for entry in getattr(expected, f"{name}_list")] for name in COUNTS}
    for name, files in lists.items():
        pixels = np.split(images[name].reshape(-1, 3072), len(files))
        for file, data_, labels_ in zip(files, pixels, np.split(labels[name], len(files)), strict=True):
            content = {"data": data_, "fine_labels" if fine else "labels": labels_.tolist()}
            coarse = {"coarse_labels": (labels_ // 5).tolist()} if fine else {}
            (unpacked / file).write_bytes(pickle.dumps(content | coarse, protocol=2))
        monkeypatch.setattr(expected, f"{name}_list", [[file, md5(unpacked / file)] for file in files])
    meta = unpacked / expected.meta["filename"]
    meta.write_bytes(pickle.dumps({expected.meta["key"]: list(map(str, range(data.classes)))}, protocol=2))
    monkeypatch.setattr(expected, "meta", expected.meta | {"md5": md5(meta)})
    archive = folder / expected.filename
    with tarfile.open(archive, "w:gz") as out:
        out.add(unpacked, data.unpacked)
    monkeypatch.setattr(expected, "tgz_md5", md5(archive))
    return Publication(folder, [archive], unpacked, images, labels)


def _mnist(data, folder, monkeypatch, images, labels) -> Publication:
    expected, unpacked = original(data), folder / "unpacked"
    unpacked.mkdir()
    for name, stem in (("train", "train"), ("test", "t10k")):
        idx(unpacked / f"{stem}-images-idx3-ubyte", images[name][:, 0])
        idx(unpacked / f"{stem}-labels-idx1-ubyte", labels[name])
    archives = []
    for name, _ in expected.resources:
        archives.append(folder / name)
        archives[-1].write_bytes(gzip.compress((unpacked / name.removesuffix(".gz")).read_bytes()))
    monkeypatch.setattr(expected, "resources", [(archive.name, md5(archive)) for archive in archives])
    bordered = {}
    for name, part in images.items():
        bordered[name] = np.zeros((len(part), 1, 32, 32), np.uint8)
        bordered[name][:, :, 2:30, 2:30] = part
    return Publication(folder, archives, unpacked, bordered, labels)


def idx(file: Path, values: np.ndarray) -> None:
    """Unsigned bytes in LeCun's format: magic number, sizes (big-endian), values."""
    file.write_bytes(
        bytes([0, 0, 8, values.ndim]) + np.array(values.shape, ">i4").tobytes() + values.astype(np.uint8).tobytes()
    )
