"""Any folder of images with train/<class>/ and test/<class>/, the layout of torchvision's ImageFolder."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Literal

from simbench_plugins.datasets import decoded
from simbench_plugins.datasets.classfolders import SPLITS, File, classes_of, files_of, pixels

from simbench import Dataset, InputError, Split, hookimpl, number
from simbench.errors import unknown
from simbench.system.cache import cache_folder
from simbench.system.provenance import digest

#: normalisation -> (mean, std) per channel.
STATISTICS = {
    "cifar10": ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)),
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "none": ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
}


@dataclass(frozen=True)
class ImageFolder(Dataset):
    """Images in DIR/train/<class>/ and DIR/test/<class>/, converted to RGB.

    Classes are numbered by name, and images are sorted by class and name; names that begin with a dot are ignored.
    Images are rotated according to their EXIF orientation. Files are decoded once and then read from the cache; the
    fingerprint depends on the rotated pixels, not on the path.

    A file that is cut off, a JPEG without the marker of its end, and what Pillow reports or warns of are refused by
    name. A JPEG holds no checksum: of a bit that changed among its compressed pixels Pillow reports one in thirty, and
    the others give other pixels; libjpeg counts some of them, which Pillow does not show. Only the fingerprint tells
    such a folder from a sound one.

    path: DIR. size: pixels per side; images of any other shape are resized bilinearly (antialiased).
    normalisation: mean and std of the inputs: the usual ones of "cifar10" or "imagenet", or "none" (values from 0 to
    1). They are fixed, not computed from the images, so that networks trained elsewhere receive the inputs they expect.
    outputs: number of outputs of networks that tell other classes apart than those of the folder, such as 1000. Labels
    are then left out, and stitched networks are scored by how well they agree with Model 2.
    """

    path: str = ""
    size: int = number(32, least=1)
    normalisation: Literal["cifar10", "imagenet", "none"] = "cifar10"
    outputs: int | None = number(None, least=1)

    #: Files are decoded by one thread per core if they have at least this many bytes on average. Smaller files spend
    #: most of their time in Python (1 kB JPEGs on two cores: 128 us an image on one thread, 204 us on two).
    threaded: ClassVar[int] = 4096
    pace: ClassVar[decoded.Pace] = decoded.Pace()

    name = "imagefolder"
    source = "torchvision.datasets.ImageFolder"
    version = 2  # version 1 ignored the EXIF orientation; folders without rotated images keep their fingerprint
    channels = 3
    epochs, augment = 30, True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.normalisation not in STATISTICS:
            raise unknown("normalisation", self.normalisation, STATISTICS)

    @property
    def label(self) -> str:
        """The spec, with only the last folder name of the path."""
        return replace(self, path=Path(self.path).expanduser().resolve().name if self.path else "").spec

    @property
    def mean(self) -> tuple[float, ...]:
        return STATISTICS[self.normalisation][0]

    @property
    def std(self) -> tuple[float, ...]:
        return STATISTICS[self.normalisation][1]

    @cached_property
    def classes(self) -> int:
        return self.outputs or len(classes_of(self._root))

    @property
    def labelled(self) -> bool:
        return self.outputs is None

    def unlabelled(self, outputs: int) -> ImageFolder:
        return replace(self, outputs=outputs)

    def prepare(self) -> None:
        self.fingerprint()

    def split(self, name: str) -> Split:
        """Images (n, 3, size, size) in a private memory map, which processes share as long as none writes to it."""
        whole = decoded.read(self._decoded, name, self._decode)
        return whole if self.labelled else Split(whole.inputs, whole.labels * 0)

    def fingerprint(self) -> str:
        """The fingerprint of the decoded images, stored beside them."""
        if not self.labelled:
            return digest([replace(self, outputs=None).fingerprint(), "without labels", self.outputs])
        return decoded.fingerprint(self._decoded, self.normalisation, super().fingerprint, self._decode)

    @property
    def _root(self) -> Path:
        """The absolute path of DIR. Raises InputError unless it is a folder with both splits."""
        if not self.path:
            raise InputError(
                "imagefolder needs a folder; give imagefolder[path=DIR], where DIR/train/<class>/ and "
                "DIR/test/<class>/ hold the images"
            )
        root = Path(self.path).expanduser().resolve()
        missing = [part for part in (root, root / "train", root / "test") if not part.is_dir()]
        if missing:
            raise InputError(
                f"{self.spec}: there is no folder {missing[0]}; path=DIR needs images in DIR/train/<class>/ and "
                "DIR/test/<class>/"
            )
        return root

    @cached_property
    def _decoded(self) -> Path:
        """The cache folder of the decoded splits. On first use it lists the files, and decodes them unless they are
        cached.

        The cache key includes the path, too: all files of an unpacked archive may have the same size and time.
        """
        folder = self._folder(self._listed())
        if not folder.exists():
            self._decode(folder)
        return folder

    def _listed(self) -> dict[str, list[File]]:
        root = self._root
        try:
            return {split: files_of(root / split, classes_of(root)) for split in SPLITS}
        except OSError as error:
            raise InputError(f"{self.spec}: {error}") from error

    def _folder(self, files: dict[str, list[File]]) -> Path:
        key = digest([self.version, self.size, str(self._root), files])
        return cache_folder("datasets", f"imagefolder-{key[:16]}")

    def _decode(self, folder: Path) -> None:
        """Write images and labels of both splits to `folder`. Raises InputError if the files have changed."""
        root, files = self._root, self._listed()
        if self._folder(files) != folder:
            raise InputError(
                f"{self.spec}: files in {root} have changed since they were listed; run the same command again"
            )
        try:
            self._write(root, files, folder)
        except OSError as error:
            raise InputError(f"{self.spec}: {error}") from error

    def _write(self, root: Path, files: dict[str, list[File]], folder: Path) -> None:
        """Decode all files into `folder`, with one thread per core if their mean size is at least `threaded` bytes."""
        import numpy as np

        together = [file for listed in files.values() for file in listed]
        if not folder.exists():  # otherwise the reason has been printed
            print(f"imagefolder: decoding the {len(together)} images of {root}, once", file=sys.stderr)
        decoded.write(
            folder,
            {split: (listed, np.array([file.label for file in listed], np.int64)) for split, listed in files.items()},
            lambda split, file: pixels(root / split / file.name, self.size),
            self.size,
            threaded=sum(file.size for file in together) >= self.threaded * len(together),
            pace=self.pace,
        )


@hookimpl
def simbench_datasets():
    return [ImageFolder()]
