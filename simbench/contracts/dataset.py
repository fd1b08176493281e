"""The contract of a data set: labelled images in a train and a test split."""

from __future__ import annotations

from typing import ClassVar

from simbench.contracts.plugin import Plugin
from simbench.contracts.splits import Split, both, content
from simbench.system.provenance import digest


class Dataset(Plugin):
    """Images with labels, in a train and a test split.

    classes: number of outputs of a network. attributes: names of the binary labels of a data set that gives every
        image several labels, one output each; empty where every image belongs to one class.
    range: the values (low, high) of an image that mean 0 and 1, which bound all values; None means (0, 255) of uint8,
        and float images require a range.
    mean, std: per channel, of images scaled to [0, 1]; networks see ((image - low) / (high - low) - mean) / std.
    raw: True gives networks the inputs as they are: floats (n, ...) of any shape and range, without mean and std.
    regression: True where labels are numbers (n, outputs) that networks predict; `classes` is then the number of them.
    labelled: False where nobody knows the labels, which are then all 0: networks are compared by what they give.
    vocabulary: number of token ids, for a data set of text; None: of images. `channels` is then the same number, inputs
        are ids (n, t) with -1 at masked positions, and mean and std are not used.
    as_given: whether the images are normalised already, so that a network with a normalisation of its own cannot be
        given them.
    epochs, augment: settings for training a small network on this data set.
    """

    kind = "datasets"
    channels: int
    classes: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    range: tuple[float, float] | None = None
    attributes: tuple[str, ...] = ()
    raw: bool = False
    regression: bool = False
    labelled: bool = True
    vocabulary: int | None = None
    as_given: bool = False
    epochs: ClassVar[int] = 8
    augment: ClassVar[bool] = False

    @property
    def label(self) -> str:
        """Its name in result tables: the spec, without paths."""
        return self.spec

    @property
    def tokens(self) -> bool:
        """Whether inputs are token ids (n, t), of which -1 marks padding."""
        return self.vocabulary is not None

    @property
    def at_hand(self) -> bool:
        """Whether its splits can be read on this machine without a download; else a worker is sent them."""
        return True

    def unlabelled(self, outputs: int) -> Dataset | None:
        """The same inputs without labels, for networks whose so many outputs are not its classes; None where the data
        set cannot do without."""
        return None

    def prepare(self) -> None:
        """Called before anything is computed: raise InputError when the data cannot be read or fetched."""

    def split(self, name: str) -> Split:
        """The split "train" or "test"."""
        raise TypeError(f"data set {self.name!r} has no splits")

    def fingerprint(self) -> str:
        """sha256 of both splits, mean and std. Raises InputError where the splits break this contract."""
        arrays = [array for part in both(self).values() for array in (part.inputs, part.labels)]
        floats = [str(array.dtype.newbyteorder("=")) for array in arrays if array.dtype.kind == "f"]
        return digest(
            [[str(array.shape), content(array)] for array in arrays]
            + ([list(self.mean), list(self.std)] if self.vocabulary is None else [["vocabulary", self.vocabulary]])
            + (["regression"] if self.regression else [])
            + ([floats, list(self.range)] if self.range is not None else [])
        )
