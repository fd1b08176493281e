"""What the user chose: networks, the data they are measured on, methods. Values whose content is their identity."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from simbench.contracts.dataset import Dataset
from simbench.contracts.index import Index
from simbench.contracts.model import Model
from simbench.contracts.stitcher import Stitcher
from simbench.system.provenance import digest


@dataclass(frozen=True)
class Network:
    """A trained network.

    seed: of its training, or the name of its weights file. weights: sha256 of its tensors.
    file: where they lie. graph: hash of what the model has built, which computes with them. dataset, fingerprint: what
    it was trained on, where that is another data set than the one it is measured on; its `seed` then names that data
    set, too.
    """

    model: Model
    seed: str
    weights: str
    file: Path
    dataset: Dataset | None = None
    fingerprint: str = ""
    graph: str = ""

    @property
    def name(self) -> str:
        return f"{self.model.spec}-{self.seed}"

    def home(self, setting: Setting) -> Dataset:
        """The data set it was trained on: what it sees of an image, and what its outputs mean."""
        return self.dataset or setting.dataset

    def misfit(self, setting: Setting) -> str:
        """Why the labels of a setting do not say what its outputs should be, or ""."""
        given, wanted = self.home(setting), setting.dataset
        if (given.classes, tuple(given.attributes)) == (wanted.classes, tuple(wanted.attributes)):
            return ""
        return f"{self.name} was trained for {_outputs(given)}; the labels of {_outputs(wanted)} do not fit"

    @property
    def identity(self) -> list:
        """Plain data that fixes what it computes."""
        return [self.model.identity, self.graph, self.weights, *([self.fingerprint] if self.dataset else [])]

    @cached_property
    def content(self) -> str:
        """sha256 of `identity`: under this what it computes is held. Two architectures may have the same weights."""
        return digest(self.identity)


@dataclass(frozen=True)
class Setting:
    """The data every case of a selection is measured on.

    fingerprint: of the data set. limit: at most so many images of each split, drawn with `seed`.
    """

    dataset: Dataset
    fingerprint: str
    limit: int
    seed: int = 0

    @property
    def identity(self) -> dict:
        return {"data": self.fingerprint, "limit": self.limit, "seed": self.seed}


@dataclass(frozen=True, eq=False)
class Selection:
    """What the user chose, resolved: one data set, trained networks, methods.

    networks: in the order they were typed; which are the *first* ones says `ordered`.
    layers: model spec -> names of the layers asked for, in order of depth.
    Selections of the same networks on the same data are equal: their cases can share computations.
    """

    setting: Setting
    networks: tuple[Network, ...]
    layers: dict[str, tuple[str, ...]]
    views: tuple[str, ...]
    indices: tuple[Index, ...]
    stitchers: tuple[Stitcher, ...]

    @cached_property
    def ordered(self) -> tuple[Network, ...]:
        """The networks by model, and those of one model by the number of the seed or else by name, however they were
        typed: an experiment that takes the first few takes them from here."""
        return tuple(sorted(self.networks, key=_place))

    @cached_property
    def _key(self) -> str:
        return digest([self.setting.identity, [[network.name, network.identity] for network in self.networks]])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Selection) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)


def _place(network: Network) -> tuple[list, list]:
    """Where a network stands among others: numbers in names count as numbers, 2 before 10."""
    return _natural(network.model.spec), _natural(network.seed)


def _natural(text: str) -> list:
    return [int(part) if part.isdecimal() else part for part in re.split(r"([0-9]+)", text)]


def _outputs(dataset: Dataset) -> str:
    return f"{dataset.label}, {dataset.classes} {'attributes' if dataset.attributes else 'classes'}"
