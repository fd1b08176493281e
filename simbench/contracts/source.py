"""The contract of a source: a place that gives many models or data sets, each by a name behind a colon."""

from __future__ import annotations

from simbench.contracts.dataset import Dataset
from simbench.contracts.model import Model
from simbench.contracts.plugin import Plugin


class Source(Plugin):
    """A library, file or folder of models or data sets: `torchvision:resnet18`, `arrays:FILE.npz`.

    What stands before the colon is the `name` of the source; what stands behind it goes to `model` or `dataset`. These
    return an object in its default configuration, whose `name` is the whole, and brackets set its parameters:
    `torchvision:resnet18[weights=DEFAULT]`.
    """

    kind = "sources"

    def names(self) -> tuple[str, ...]:
        """The names of the models that it has, without its own; empty where they cannot be listed. Raises InputError
        where a package is missing that it needs."""
        return ()

    def model(self, name: str) -> Model:
        """The model of this name. Raises InputError for a name that is unknown."""
        raise TypeError(f"source {self.name!r} gives no models")

    def dataset(self, name: str) -> Dataset:
        """The data set of this name. Raises InputError for one that cannot be."""
        raise TypeError(f"source {self.name!r} gives no data sets")
