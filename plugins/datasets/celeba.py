"""CelebA, the 40-label task of the matching paper, as published, downloaded and verified by torchvision."""

from __future__ import annotations

import shutil
import sys
import uuid
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from simbench_plugins.datasets import decoded
from simbench_plugins.datasets.archives import Archive, fetching
from simbench_plugins.datasets.pictures import upright
from simbench_plugins.datasets.published import Published

from simbench import Dataset, InputError, Split, hookimpl, number
from simbench.errors import unknown
from simbench.system.cache import cache_folder

if TYPE_CHECKING:
    import numpy

#: The archive of images, and the folder in it.
ARCHIVE, IMAGES = "img_align_celeba.zip", "img_align_celeba"
#: Share of width and of height that is cut off on either side: 16 of 256 pixels leave 224.
MARGIN = 16 / 256
#: normalisation -> (mean, std) per channel.
STATISTICS = {"symmetric": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)), "inception": ((117 / 255,) * 3, (1 / 255,) * 3)}
ATTRIBUTES = (
    "5_o_Clock_Shadow",
    "Arched_Eyebrows",
    "Attractive",
    "Bags_Under_Eyes",
    "Bald",
    "Bangs",
    "Big_Lips",
    "Big_Nose",
    "Black_Hair",
    "Blond_Hair",
    "Blurry",
    "Brown_Hair",
    "Bushy_Eyebrows",
    "Chubby",
    "Double_Chin",
    "Eyeglasses",
    "Goatee",
    "Gray_Hair",
    "Heavy_Makeup",
    "High_Cheekbones",
    "Male",
    "Mouth_Slightly_Open",
    "Mustache",
    "Narrow_Eyes",
    "No_Beard",
    "Oval_Face",
    "Pale_Skin",
    "Pointy_Nose",
    "Receding_Hairline",
    "Rosy_Cheeks",
    "Sideburns",
    "Smiling",
    "Straight_Hair",
    "Wavy_Hair",
    "Wearing_Earrings",
    "Wearing_Hat",
    "Wearing_Lipstick",
    "Wearing_Necklace",
    "Wearing_Necktie",
    "Young",
)


@dataclass(frozen=True)
class CelebA(Published):
    """Faces (3, size, size) with 40 binary labels: 162,770 train and 19,962 test images.

    The central 7/8 of the width and of the height of the aligned 178x218 images, resized to a square (bilinear,
    antialiased). With size=224, these are the inputs on which the code of the matching paper evaluates: a crop of 224
    of 256x256. Its random crops and rotations in training are not applied, and the 19,867 validation images not used.

    Downloaded once (1.5 GB) from Google Drive, for which torchvision needs the package gdown, into the cache folder; a
    copy put there by hand, zipped or not, is used as well. Decoded once for each size, into a file that is mapped
    rather than read: on the disk, and in memory where all images are wanted at once, 2.2 GB for 64 pixels, 0.6 GB for
    32 and 28 GB for 224. Afterwards the 1.5 GB are not needed again.

    size: pixels per side; the paper's Inception V1 wants 224.
    normalisation: "symmetric", the customary one, maps values to -1..1; "inception" is that of the matching paper,
        (pixel - 117) of values 0 to 255, which the weights of Inception V1 for ImageNet expect.
    """

    size: int = number(64, least=1)
    normalisation: Literal["symmetric", "inception"] = "symmetric"

    name = "celeba"
    source = (
        "Liu, Luo, Wang and Tang 2015, Deep learning face attributes in the wild; crop of Csiszarik et al. 2021, code"
    )
    original, unpacked = "CelebA", "celeba"
    otherwise = ", from http://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"
    attributes = ATTRIBUTES
    channels, classes = 3, len(ATTRIBUTES)
    epochs, augment, pace = 8, True, decoded.Pace()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.normalisation not in STATISTICS:
            raise unknown("normalisation", self.normalisation, STATISTICS)

    @property
    def mean(self) -> tuple[float, ...]:
        return STATISTICS[self.normalisation][0]

    @property
    def std(self) -> tuple[float, ...]:
        return STATISTICS[self.normalisation][1]

    def archives(self, original: Any, folder: Path) -> list[Archive]:
        home = folder / self.unpacked
        return [
            Archive(home / name, f"https://drive.google.com/uc?id={identifier}", md5)
            for identifier, md5, name in original.file_list
            if name != ARCHIVE or not (home / IMAGES).is_dir()
        ]

    def split(self, name: str) -> Split:
        """images (n, 3, size, size): a private memory map, shared by processes as long as none writes to it."""
        return decoded.read(self._decoded, name, self._decode)

    def fingerprint(self) -> str:
        """The fingerprint, as for every data set; it is stored beside the decoded images."""
        return decoded.fingerprint(self._decoded, self.normalisation, partial(Dataset.fingerprint, self), self._decode)

    @cached_property
    def _decoded(self) -> Path:
        """Folder of the decoded splits. The published files do not change, so they are not checked again."""
        folder = cache_folder("datasets", f"celeba-{self.size}-{self.version}")
        if not folder.exists():
            self._decode(folder)
        return folder

    def _decode(self, folder: Path) -> None:
        import numpy as np

        root = cache_folder("datasets")
        with fetching(self, root) as original:
            _unpack(self.archives(original, root))
            parts = {name: original(root, split=name, download=True) for name in ("train", "test")}
        if not folder.exists():  # else it has been said why
            print(f"celeba: decoding the {sum(map(len, parts.values()))} images, once", file=sys.stderr)
        images = root / self.unpacked / IMAGES
        try:
            decoded.write(
                folder,
                {name: (part.filename, part.attr.numpy().astype(np.int64)) for name, part in parts.items()},
                lambda _, name: face(images / name, self.size),
                self.size,
                threaded=True,
                pace=self.pace,
            )
        except OSError as error:
            raise InputError(f"{self.spec}: {error}") from error


def _unpack(archives: list[Archive]) -> None:
    """Unpack an archive that was placed there by hand: torchvision unpacks only archives that it downloaded itself."""
    from torchvision.datasets.utils import extract_archive

    zipped = [archive for archive in archives if archive.file.name == ARCHIVE and archive.intact()]
    for archive in zipped:
        home = archive.file.parent
        temporary = home / f".unpacking-{uuid.uuid4().hex}"
        try:
            extract_archive(archive.file, temporary)
            (temporary / IMAGES).rename(home / IMAGES)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def face(file: Path, size: int) -> numpy.ndarray:
    """uint8 (3, size, size) of one image. Raises InputError that names the file when it cannot be read."""
    import numpy as np
    from PIL import Image

    try:
        image = upright(file)
    except Exception as error:  # each decoder raises its own
        raise InputError(
            f"celeba: {file} cannot be read as an image ({error}); remove the folder {file.parent}, and "
            "it is unpacked or fetched anew"
        ) from error
    width, height = image.size
    middle = (width * MARGIN, height * MARGIN, width * (1 - MARGIN), height * (1 - MARGIN))
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR, box=middle)).transpose(2, 0, 1)


@hookimpl
def simbench_datasets():
    return [CelebA()]
