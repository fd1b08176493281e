"""Image files in folders of their classes: which there are, and their pixels."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from simbench_plugins.datasets.pictures import upright

from simbench import InputError

if TYPE_CHECKING:
    import numpy

SPLITS = ("train", "test")
SUFFIXES = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")


class File(NamedTuple):
    """An image on disk: class number, class/name, bytes, time of its last change in ns."""

    label: int
    name: str
    size: int
    changed: int


def classes_of(root: Path) -> list[str]:
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


def files_of(folder: Path, classes: list[str]) -> list[File]:
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


def pixels(file: Path, size: int) -> numpy.ndarray:
    """uint8 (3, size, size) of one image, upright. Raises InputError that names the file when it cannot be read."""
    import numpy as np
    from PIL import Image

    try:
        image = upright(file)
    except Exception as error:  # each decoder raises its own
        raise InputError(f"{file} cannot be read as an image ({error}); replace or remove it") from error
    if image.size != (size, size):
        image = image.resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(image).transpose(2, 0, 1)
