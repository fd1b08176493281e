"""Lists and reads image files that lie in one folder per class."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from simbench_plugins.datasets.pictures import upright

from simbench import InputError

if TYPE_CHECKING:
    import numpy

SPLITS = ("train", "test")
SUFFIXES = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")


class File(NamedTuple):
    """An image on disk: class number, class/name, size in bytes, time of the last change in ns."""

    label: int
    name: str
    size: int
    changed: int


def classes_of(root: Path) -> list[str]:
    """Names of the class folders, sorted. Raises InputError unless both splits have the same classes, two or more."""
    train, test = (
        {entry.name for entry in os.scandir(root / split) if entry.is_dir() and not entry.name.startswith(".")}
        for split in SPLITS
    )
    _check(root, train | test)
    if train != test:
        only = [
            f"only {split} has {', '.join(sorted(names)[:5])}{', ...' if len(names) > 5 else ''}"
            for split, names in (("train", train - test), ("test", test - train))
            if names
        ]
        raise InputError(f"{root}: {'; '.join(only)}; train/ and test/ must hold folders of the same names")
    if len(train) < 2:
        raise InputError(
            f"{root / 'train'} has {len(train)} class folder(s); it must have at least two, one folder of images "
            "for each class"
        )
    return sorted(train)


def files_of(folder: Path, classes: list[str]) -> list[File]:
    """All images of a split, by class and name. Raises InputError when a class has none."""
    files: list[File] = []
    for label, name in enumerate(classes):
        with os.scandir(folder / name) as entries:
            images = sorted(
                File(label, f"{name}/{entry.name}", entry.stat().st_size, entry.stat().st_mtime_ns)
                for entry in entries
                if entry.name.lower().endswith(SUFFIXES) and not entry.name.startswith(".")
            )
        if not images:
            raise InputError(
                f"{folder / name} has no images; put files that end in {' '.join(SUFFIXES)} directly into the "
                "folder of their class"
            )
        _check(folder / name, (image.name.partition("/")[2] for image in images))
        files += images
    return files


def _check(folder: Path, names: Iterable[str]) -> None:
    """Raise InputError for names of bytes that are no text, or that cannot be printed."""
    for name in names:
        if not name.isprintable():
            raise InputError(f"{folder} holds {os.fsencode(name)!r}, whose name cannot be printed; rename it")


def pixels(file: Path, size: int) -> numpy.ndarray:
    """One image, upright, as uint8 (3, size, size). Raises InputError with its name if it is unreadable."""
    import numpy as np
    from PIL import Image

    try:
        image = upright(file)
    except Exception as error:  # each decoder raises its own errors
        raise InputError(f"{file} cannot be read as an image ({error}); replace or remove it") from error
    if image.size != (size, size):
        image = image.resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(image).transpose(2, 0, 1)
