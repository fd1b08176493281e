"""The contract of a data set: labelled images in two splits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from simbench.contracts.plugin import Plugin
from simbench.provenance import digest

if TYPE_CHECKING:
    import numpy


@dataclass(frozen=True, eq=False)
class Split:
    """images: (n, c, h, w) uint8. labels: (n,) int64, or (n, attributes) int64 of 0 and 1."""

    images: numpy.ndarray
    labels: numpy.ndarray


class Dataset(Plugin):
    """Images with labels, in a train and a test split.

    classes: number of outputs of a network. attributes: names of the binary labels of a data set that gives every
        image several of them, one output each; empty where every image is of one class.
    mean, std: per channel, of images scaled to [0, 1]; networks see (image / 255 - mean) / std.
    epochs, augment: what a small network needs to be trained well on it.
    """

    kind = "datasets"
    channels: int
    classes: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    attributes: tuple[str, ...] = ()
    epochs: ClassVar[int] = 8
    augment: ClassVar[bool] = False

    @property
    def label(self) -> str:
        """How result tables name it: the spec, without paths."""
        return self.spec

    def prepare(self) -> None:
        """Look before anything runs: raise InputError when the data cannot be had."""

    def split(self, name: str) -> Split:
        """"train" or "test"."""
        raise TypeError(f"data set {self.name!r} has no splits")

    def fingerprint(self) -> str:
        """sha256 of everything in both splits."""
        parts = [self.split(name) for name in ("train", "test")]
        return digest([[str(array.shape), digest(array.tobytes())]
                       for part in parts for array in (part.images, part.labels)]
                      + [list(self.mean), list(self.std)])
