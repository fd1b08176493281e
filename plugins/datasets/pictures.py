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
    channel and for more pixels than Pillow's limit, and what Pillow raises; within `strict`, warnings, too."""
    from PIL import Image, ImageOps

    if not file.is_file():  # a FIFO would be waited for
        raise ValueError("it is no file")
    with Image.open(file) as image:
        if image.mode.startswith(("I", "F")):  # Pillow would clip these to 0-255
            raise ValueError(f"mode {image.mode} has more than 8 bits a channel")
        if image.width * image.height > (Image.MAX_IMAGE_PIXELS or math.inf):  # Pillow only warns up to twice that
            raise ValueError(f"{image.width} x {image.height} pixels are over Pillow's limit")
        ImageOps.exif_transpose(image, in_place=True)
        return image.convert("RGB")
