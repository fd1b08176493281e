"""Images that are decoded once: arrays of both splits, in files that processes share and verify."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar

from simbench_plugins.datasets.pictures import strict

from simbench import InputError, Split
from simbench.system.aside import make_way
from simbench.system.seals import content_of, put, sealed, stamps, unsealed

if TYPE_CHECKING:
    import numpy

T = TypeVar("T")
#: The file with the hashes of all others.
CONTENTS = "contents.json"


@dataclass(frozen=True)
class Pace:
    """block: images in memory at a time. chunk: images per task of a thread. threads: None is one per core."""

    block: int = 1024
    chunk: int = 64
    threads: int | None = None


class Hashed:
    """An open file and the sha256 of the bytes written to it, for later comparison with the file on disk."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.sha = file, hashlib.sha256()

    def write(self, data) -> int:
        self.sha.update(data)
        return self.file.write(data)


def write(
    folder: Path,
    splits: Mapping[str, tuple[Sequence[T], numpy.ndarray]],
    pixels: Callable[[str, T], numpy.ndarray],
    size: int,
    threaded: bool,
    pace: Pace = Pace(),
) -> None:
    """Decode images in order and write them with their labels and hashes to `folder`: each file, and a
    new folder, appears whole or not at all. Existing files are replaced; processes that have them open keep the old
    ones.

    splits: name -> (a name of each image, labels). pixels(split, image): uint8 (3, size, size). threaded: use
    the number of threads in `pace`, otherwise one. Raises OSError if the disk is full, and what `pixels` raises.
    """
    import numpy as np

    temporary, contents = folder.with_name(f".{folder.name}-{uuid.uuid4().hex}"), {}
    temporary.mkdir(parents=True)
    try:
        with strict(), ThreadPoolExecutor((pace.threads or os.cpu_count()) if threaded else 1) as pool:
            for name, (images, labels) in splits.items():
                with open(temporary / f"{name}-images.npy", "wb") as file:
                    _images(out := Hashed(file), images, partial(pixels, name), size, pool, pace)
                contents[f"{name}-images.npy"] = out.sha.hexdigest()
                with open(temporary / f"{name}-labels.npy", "wb") as file:
                    np.save(out := Hashed(file), labels)
                contents[f"{name}-labels.npy"] = out.sha.hexdigest()
        (temporary / CONTENTS).write_text(sealed(contents))
        _place(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _place(temporary: Path, folder: Path) -> None:
    """Rename the folder, or its files where the folder exists already (damaged, or written by another process)."""
    if folder.exists() and not folder.is_dir():
        folder.unlink()
    try:
        temporary.rename(folder)
        return
    except OSError:
        if not folder.is_dir():
            raise
    for file in sorted(temporary.iterdir(), key=lambda file: file.name == CONTENTS):
        make_way(folder / file.name)
        file.replace(folder / file.name)


def _images(
    out: Hashed,
    images: Sequence[T],
    pixels: Callable[[T], numpy.ndarray],
    size: int,
    pool: ThreadPoolExecutor,
    pace: Pace,
) -> None:
    """A .npy file of uint8 (n, 3, size, size) in the order of `images`, whatever the number of threads."""
    import numpy as np

    block = np.empty((min(pace.block, len(images)), 3, size, size), np.uint8)

    def fill(start: int, first: int, last: int) -> None:
        for at in range(first, last):
            block[at - start] = pixels(images[at])

    shape = (len(images), 3, size, size)
    np.lib.format.write_array_header_1_0(out, {"descr": "|u1", "fortran_order": False, "shape": shape})
    for start in range(0, len(images), pace.block):
        end = min(start + pace.block, len(images))
        tasks = [(start, first, min(first + pace.chunk, end)) for first in range(start, end, pace.chunk)]
        for _ in pool.map(fill, *zip(*tasks, strict=True)):
            pass
        out.write(block[: end - start].data)


def damage(folder: Path) -> str:
    """The first file that differs from what was written, or "". A process reads each file once, and again if it has
    changed."""
    contents = unsealed(folder / CONTENTS)
    if contents is None:
        return CONTENTS
    return next((name for name, content in contents.items() if content_of(folder / name) != content), "")


def read(folder: Path, name: str, again: Callable[[Path], None]) -> Split:
    """images (n, 3, size, size) as a private memory map, shared by processes as long as none writes to it.

    again: decodes damaged files again, which one line on stderr reports. Raises InputError if they are still damaged
    afterwards, and what `again` raises."""
    import numpy as np

    _mend(folder, again)
    images, labels = (np.load(folder / f"{name}-{what}.npy", mmap_mode="c") for what in ("images", "labels"))
    return Split(np.asarray(images), np.asarray(labels))


def _mend(folder: Path, again: Callable[[Path], None]) -> None:
    broken = damage(folder)
    if not broken:
        return
    print(f"simbench: {folder / broken} is missing or damaged; its images are decoded again", file=sys.stderr)
    again(folder)
    if damage(folder):
        raise InputError(
            f"{folder / damage(folder)} is damaged again right after it was written; look at that disk, "
            "or set SIMBENCH_CACHE to another"
        )
    contents = unsealed(folder / CONTENTS)
    stale = [file for file in folder.glob("fingerprint-*.json") if (unsealed(file) or {}).get("contents") != contents]
    if stale:
        for file in stale:
            file.unlink()
        raise InputError(
            f"decoded again, the images in {folder} are others than before (another version of Pillow, or "
            "changed files); run the same command again, which measures these"
        )


def fingerprint(folder: Path, normalisation: str, compute: Callable[[], str], again: Callable[[Path], None]) -> str:
    """The value of `compute`, stored beside the images and reused as long as none of their files changes."""
    file = folder / f"fingerprint-{normalisation}.json"
    known = unsealed(file, fingerprint=str, contents=dict, stamps=dict)
    if known is not None and known["stamps"] == _stamps(folder):
        return known["fingerprint"]
    if known is None and file.exists():
        print(f"simbench: {file} is damaged; it is computed again", file=sys.stderr)
        make_way(file)
        file.unlink(missing_ok=True)
    _mend(folder, again)
    contents = unsealed(folder / CONTENTS)
    value = known["fingerprint"] if known is not None and known["contents"] == contents else compute()
    put(file, sealed({"fingerprint": value, "contents": contents, "stamps": _stamps(folder)}))
    return value


def _stamps(folder: Path) -> dict[str, list[int]]:
    """Names of the files that `write` makes."""
    names = [CONTENTS, *(unsealed(folder / CONTENTS) or {})]
    return {name: list(stamps(folder / name)) for name in names}
