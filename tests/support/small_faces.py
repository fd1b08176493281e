"""Twelve faces in the format in which CelebA is published."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from simbench_plugins.datasets.celeba import IMAGES

#: 0 train, 1 validation, 2 test.
PARTITION = [0, 0, 1, 2, 0, 0, 0, 2, 1, 2, 0, 0]
TRAIN, TEST = ([at for at, part in enumerate(PARTITION) if part == which] for which in (0, 2))


@dataclass(frozen=True)
class Faces:
    """Files as published in `folder`, unpacked images among them. attributes: (12, 40) of -1 and 1."""

    folder: Path
    attributes: np.ndarray

    def image(self, at: int) -> Image.Image:
        return Image.open(self.folder / IMAGES / f"{at + 1:06d}.jpg").convert("RGB")


def table(file: Path, names: list[str], values: np.ndarray, head: list[str]) -> None:
    rows = [f"{name} " + " ".join(f"{value:2d}" for value in row) for name, row in zip(names, values, strict=True)]
    file.write_text("\n".join(head + rows) + "\n")
