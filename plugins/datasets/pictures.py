"""One image file as RGB pixels, upright; what is damaged or too large is refused."""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

#: Markers of a JPEG (ISO/IEC 10918-1, table B.1): a scan begins, the image ends. Compressed pixels hold none.
_SCAN, _END = 0xDA, b"\xff\xd9"


@contextlib.contextmanager
def strict() -> Iterator[None]:
    """Within, in all threads: what Pillow only warns of when it reads a damaged file is an error, and its warning of
    large images, which `upright` refuses, is none."""
    with warnings.catch_warnings():
        warnings.filterwarnings("error", category=UserWarning, module=r"PIL\.\w*ImagePlugin")
        warnings.filterwarnings("ignore", message="Image size", category=RuntimeWarning)
        yield


def upright(file: Path) -> Image:
    """The image as RGB, turned and mirrored as its EXIF orientation says. Raises ValueError for more than 8 bits a
    channel, for more pixels than Pillow's limit, and for a JPEG without its end, and what Pillow raises; within
    `strict`, warnings, too."""
    from PIL import Image, ImageOps

    if not file.is_file():  # a FIFO would be waited for
        raise ValueError("it is no file")
    with Image.open(file) as image:
        if image.mode.startswith(("I", "F")):  # Pillow would clip these to 0-255
            raise ValueError(f"mode {image.mode} has more than 8 bits a channel")
        if image.width * image.height > (Image.MAX_IMAGE_PIXELS or math.inf):  # Pillow only warns up to twice that
            raise ValueError(f"{image.width} x {image.height} pixels are over Pillow's limit")
        jpeg = image.format in ("JPEG", "MPO")
        ImageOps.exif_transpose(image, in_place=True)
        if jpeg and not _ends(file.read_bytes()):  # Pillow has taken zeros for pixels
            raise ValueError("the end of the image is missing")
        return image.convert("RGB")


def _ends(jpeg: bytes) -> bool:
    """Whether the marker of the end of the image comes after its first scan, which is behind segments that give their
    lengths: a thumbnail among these has an end of its own."""
    at = 2
    while at + 4 <= len(jpeg) and jpeg[at + 1] != _SCAN:
        filled = jpeg[at] != 0xFF or jpeg[at + 1] == 0xFF  # markers may follow a filling
        at += 1 if filled else 2 + int.from_bytes(jpeg[at + 2 : at + 4])
    return jpeg.rfind(_END, at) >= 0
