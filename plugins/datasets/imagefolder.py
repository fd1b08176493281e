"""Any folder of images: train/<class>/ and test/<class>/, as torchvision's ImageFolder reads them."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from simbench_plugins.datasets import decoded

from simbench import Dataset, InputError, Split, hookimpl
from simbench.errors import unknown
from simbench.system.cache import cache_folder
from simbench.system.provenance import digest

if TYPE_CHECKING:
    import numpy

SPLITS = ("train", "test")
SUFFIXES = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
#: normalisation -> (mean, std) per channel.
STATISTICS = {
    "cifar10": ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)),
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "none": ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
}
#: Mean bytes per file from which one thread per core is faster than one thread: below, most of the time goes into
#: Python (two cores, 1 kB JPEGs: 128 us an image against 204 us).
THREADED = 4096


class File(NamedTuple):
    """An image on disk: class number, class/name, bytes, time of its last change in ns."""

    label: int
    name: str
    size: int
    changed: int


@dataclass(frozen=True)
class ImageFolder(Dataset):
    """Images in DIR/train/<class>/ and DIR/test/<class>/, converted to RGB.

    Classes are numbered in the order of their names, images follow each other by class and name; names that
    begin with a dot are passed over. A second look at the same files decodes nothing; the pixels, not the path,
    make the fingerprint.

    path: DIR. size: pixels per side; other images are resized bilinearly (antialiased), whatever their shape.
    normalisation: the mean and std that networks see their inputs by, fixed rather than taken from the images, so
    that networks trained elsewhere fit: the customary ones of "cifar10" or "imagenet", or "none" (values 0 to 1).
    """

    path: str = ""
    size: int = 32
    normalisation: Literal["cifar10", "imagenet", "none"] = "cifar10"

    name = "imagefolder"
    source = "torchvision.datasets.ImageFolder"
    channels = 3
    epochs, augment = 30, True

    def __post_init__(self) -> None:
        if self.size < 1:
            raise InputError(f"size is {self.size}; allowed: whole numbers from 1, in pixels per side")
        if self.normalisation not in STATISTICS:
            raise unknown("normalisation", self.normalisation, STATISTICS)

    @property
    def label(self) -> str:
        """The spec, with the last folder name for the path."""
        return replace(self, path=Path(self.path).expanduser().resolve().name if self.path else "").spec

    @property
    def mean(self) -> tuple[float, ...]:
        return STATISTICS[self.normalisation][0]

    @property
    def std(self) -> tuple[float, ...]:
        return STATISTICS[self.normalisation][1]

    @cached_property
    def classes(self) -> int:
        return len(_classes(self._root))

    def prepare(self) -> None:
        self.fingerprint()

    def split(self, name: str) -> Split:
        """images (n, 3, size, size): a private memory map, shared by processes as long as none writes to it."""
        return decoded.read(self._decoded, name, self._decode)

    def fingerprint(self) -> str:
        """As of every data set; kept beside the decoded images."""
        return decoded.fingerprint(self._decoded, self.normalisation, super().fingerprint, self._decode)

    @property
    def _root(self) -> Path:
        """DIR. Raises InputError when it is not a folder with both splits in it."""
        if not self.path:
            raise InputError(
                "imagefolder needs a folder; give imagefolder[path=DIR], where DIR/train/<class>/ and "
                "DIR/test/<class>/ hold the images"
            )
        root = Path(self.path).expanduser().resolve()
        missing = [part for part in (root, root / "train", root / "test") if not part.is_dir()]
        if missing:
            raise InputError(
                f"{self.spec}: there is no folder {missing[0]}; images are wanted in "
                "DIR/train/<class>/ and DIR/test/<class>/ of path=DIR"
            )
        return root

    @cached_property
    def _decoded(self) -> Path:
        """Folder of the decoded splits; the object lists its files once, and decodes what nobody has before.

        The key holds the path too: unpacked archives may give every file one size and one time.
        """
        folder = self._folder(self._listed())
        if not folder.exists():
            self._decode(folder)
        return folder

    def _listed(self) -> dict[str, list[File]]:
        root = self._root
        try:
            return {split: _files(root / split, _classes(root)) for split in SPLITS}
        except OSError as error:
            raise InputError(f"{self.spec}: {error}") from error

    def _folder(self, files: dict[str, list[File]]) -> Path:
        key = digest([self.version, self.size, str(self._root), files])
        return cache_folder("datasets", f"imagefolder-{key[:16]}")

    def _decode(self, folder: Path) -> None:
        """Write images and labels of both splits to `folder`, which is that of the files listed now."""
        root, files = self._root, self._listed()
        if self._folder(files) != folder:
            raise InputError(
                f"{self.spec}: files in {root} have changed since they were listed; run the same command again"
            )
        try:
            _decode(root, files, self.size, folder)
        except OSError as error:
            raise InputError(f"{self.spec}: {error}") from error


def _classes(root: Path) -> list[str]:
    """Names of the class folders, sorted. Raises InputError unless both splits have the same two or more."""
    train, test = (
        {entry.name for entry in os.scandir(root / split) if entry.is_dir() and not entry.name.startswith(".")}
        for split in SPLITS
    )
    if train != test:
        only = [
            f"only {split} has {', '.join(sorted(names)[:5])}{', ...' if len(names) > 5 else ''}"
            for split, names in (("train", train - test), ("test", test - train))
            if names
        ]
        raise InputError(f"{root}: {'; '.join(only)}; train/ and test/ must hold folders of the same names")
    if len(train) < 2:
        raise InputError(
            f"{root / 'train'} holds class folders: {len(train)}; two or more are wanted, one folder of "
            "images for each class"
        )
    return sorted(train)


def _files(folder: Path, classes: list[str]) -> list[File]:
    """Every image of a split, in order. Raises InputError when a class has none."""
    found: list[File] = []
    for label, name in enumerate(classes):
        with os.scandir(folder / name) as entries:
            images = sorted(
                File(label, f"{name}/{entry.name}", entry.stat().st_size, entry.stat().st_mtime_ns)
                for entry in entries
                if entry.name.lower().endswith(SUFFIXES) and not entry.name.startswith(".")
            )
        if not images:
            raise InputError(
                f"{folder / name} has no images; files that end in {' '.join(SUFFIXES)} are read, "
                "directly in the folder of their class"
            )
        found += images
    return found


def _decode(root: Path, files: dict[str, list[File]], size: int, folder: Path) -> None:
    import numpy as np

    everything = [file for listed in files.values() for file in listed]
    if not folder.exists():  # else it has been said why
        print(f"imagefolder: decoding the {len(everything)} images of {root}, once", file=sys.stderr)
    splits = {split: (listed, np.array([file.label for file in listed], np.int64)) for split, listed in files.items()}
    decoded.write(
        folder,
        splits,
        lambda split, file: _pixels(root / split / file.name, size),
        size,
        threaded=sum(file.size for file in everything) >= THREADED * len(everything),
    )


def _pixels(file: Path, size: int) -> numpy.ndarray:
    """uint8 (3, size, size) of one image. Raises InputError that names the file when it cannot be read."""
    import numpy as np
    from PIL import Image

    try:
        with Image.open(file) as image:
            if image.mode.startswith(("I", "F")):  # Pillow would clip these to 0-255
                raise ValueError(f"mode {image.mode} has more than 8 bits a channel")
            image = image.convert("RGB")
    except Exception as error:  # each decoder raises its own
        raise InputError(f"{file} cannot be read as an image ({error}); replace or remove it") from error
    if image.size != (size, size):
        image = image.resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(image).transpose(2, 0, 1)


@hookimpl
def simbench_datasets():
    return [ImageFolder()]
