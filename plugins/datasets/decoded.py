"""Images decoded once: arrays of both splits, in files that processes share."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from simbench import Split

if TYPE_CHECKING:
    import numpy

T = TypeVar("T")
#: Images in memory at a time, and images per task of a thread.
BLOCK, CHUNK = 1024, 64


def write(folder: Path, splits: Mapping[str, tuple[Sequence[T], numpy.ndarray]],
          pixels: Callable[[str, T], numpy.ndarray], size: int, threaded: bool) -> None:
    """Decode images in order and write them with their labels to `folder`, which appears whole or not at all.

    splits: name -> (what names each image, labels). pixels(split, image): uint8 (3, size, size). threaded: one thread
    per core. Raises OSError where there is no room, and what `pixels` raises.
    """
    import numpy as np

    temporary = folder.with_name(f".{folder.name}-{uuid.uuid4().hex}")
    temporary.mkdir(parents=True)
    try:
        with ThreadPoolExecutor(os.cpu_count() if threaded else 1) as pool:
            for name, (images, labels) in splits.items():
                _images(temporary / f"{name}-images.npy", images, partial(pixels, name), size, pool)
                np.save(temporary / f"{name}-labels.npy", labels)
        try:
            temporary.rename(folder)
        except OSError:
            if not folder.exists():  # else another process was first, with the same images
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _images(file: Path, images: Sequence[T], pixels: Callable[[T], numpy.ndarray], size: int,
            pool: ThreadPoolExecutor) -> None:
    """A .npy file of uint8 (n, 3, size, size) in the order of `images`, whatever the number of threads."""
    import numpy as np

    block = np.empty((min(BLOCK, len(images)), 3, size, size), np.uint8)

    def fill(start: int, first: int, last: int) -> None:
        for at in range(first, last):
            block[at - start] = pixels(images[at])

    with open(file, "wb") as out:
        shape = (len(images), 3, size, size)
        np.lib.format.write_array_header_1_0(out, {"descr": "|u1", "fortran_order": False, "shape": shape})
        for start in range(0, len(images), BLOCK):
            end = min(start + BLOCK, len(images))
            tasks = [(start, first, min(first + CHUNK, end)) for first in range(start, end, CHUNK)]
            for _ in pool.map(fill, *zip(*tasks, strict=True)):
                pass
            out.write(block[:end - start].data)


def read(folder: Path, name: str) -> Split:
    """images (n, 3, size, size) as a private memory map, shared by processes as long as none writes to it."""
    import numpy as np

    images, labels = (np.load(folder / f"{name}-{what}.npy", mmap_mode="c") for what in ("images", "labels"))
    return Split(np.asarray(images), np.asarray(labels))
