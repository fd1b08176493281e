"""Folders of images: `imagefolder:DIR` is short for `imagefolder[path=DIR]`."""

from __future__ import annotations

from simbench_plugins.datasets.imagefolder import ImageFolder

from simbench import Source, hookimpl


class Folders(Source):
    """Folders of image files, as torchvision's ImageFolder reads them."""

    name = "imagefolder"
    source = "DIR, with DIR/train/<class>/ and DIR/test/<class>/"

    def dataset(self, name: str) -> ImageFolder:
        return ImageFolder(path=name)


@hookimpl
def simbench_sources():
    return [Folders()]
