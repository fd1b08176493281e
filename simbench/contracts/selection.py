"""The user's selection: networks, the data that they are measured on, and methods. All compare by content."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from simbench.contracts.dataset import Dataset
from simbench.contracts.design import Design
from simbench.contracts.index import Index
from simbench.contracts.model import Model
from simbench.contracts.stitcher import Stitcher
from simbench.system.provenance import digest

#: Ways to cut networks for stitches.
CUTS = ("exact", "hook")


@dataclass(frozen=True)
class Network:
    """A trained network.

    seed: of its training, or the name of its weights file. weights: sha256 of its tensors. file: their path.
    graph: hash of the computation of the network that the model builds. dataset, fingerprint: the data set that it was
    trained on, if it is measured on another one; its `seed` then names that data set, too.
    panel: the panel that it belongs to, with its version; `part` is then the first part of the names of its tensors in
    the file. initial: True for a network that is not trained: its weights are those that the model builds with a seed
    made of `weights`, and there is no file. layouts: (name or pattern of layers, layout) that the user says of outputs;
    the first that matches goes before those of the model.
    """

    model: Model
    seed: str
    weights: str
    file: Path
    dataset: Dataset | None = None
    fingerprint: str = ""
    graph: str = ""
    part: str = ""
    panel: str = ""
    initial: bool = False
    layouts: tuple[tuple[str, str], ...] = ()

    @cached_property
    def name(self) -> str:
        return f"{self.model.spec}-{self.seed}"

    def home(self, setting: Setting) -> Dataset:
        """The data set it was trained on, which decides how inputs are normalised and what the outputs mean."""
        return self.dataset or setting.dataset

    def misfit(self, setting: Setting) -> str:
        """Why the labels of a setting do not fit the outputs of this network, or ""."""
        trained, measured = self.home(setting), setting.dataset
        if _kind(trained) == _kind(measured):
            return ""
        return f"{self.name} was trained for {_outputs(trained)}; the labels of {_outputs(measured)} do not fit"

    @cached_property
    def identity(self) -> list[Any]:
        """Plain data that determines the outputs of this network."""
        said = [self.fingerprint] if self.dataset else []
        return [self.model.identity, self.graph, self.weights, *said, *map(list, self.layouts)]

    @cached_property
    def untrained(self) -> Network:
        """A network of the same architecture with initial weights, which follow from the content of this one."""
        name, weights = f"{self.seed}, untrained", digest(["untrained", self.identity])
        return replace(
            self, model=self.model.untrained, seed=name, weights=weights, file=Path(), part="", panel="", initial=True
        )

    @cached_property
    def content(self) -> str:
        """sha256 of `identity`, under which its activations are cached. Two architectures may have the same weights."""
        return digest(self.identity)


class Pair(NamedTuple):
    """An ordered pair of networks at a layer that both have: a is the front (Model 1), b the end (Model 2)."""

    layer: str
    a: Network
    b: Network


@dataclass(frozen=True)
class Setting:
    """The data every case of a selection is measured on.

    fingerprint: of the data set. limit: largest number of inputs of each split; they are drawn with `seed`.
    cut: one of CUTS, where ends come from: "exact", networks are cut where nothing runs twice; "hook", where there is
        no such cut, the end is the whole network, in which the output of the layer is replaced.
    """

    dataset: Dataset
    fingerprint: str
    limit: int
    seed: int = 0
    cut: str = "exact"

    @property
    def identity(self) -> dict[str, Any]:
        return {"data": self.fingerprint, "limit": self.limit, "seed": self.seed}


@dataclass(frozen=True, eq=False)
class Selection:
    """A resolved selection: one data set, trained networks, methods.

    networks: in the order in which they were typed; `ordered` sorts them.
    layers: model spec -> names of the selected layers, in order of depth. design: the pairs of networks at a layer.
    controls: the networks that `Experiment.controls` asks for, which no pair is made of.
    Selections of the same networks on the same data are equal: their cases can share computations.
    """

    setting: Setting
    networks: tuple[Network, ...]
    layers: dict[str, tuple[str, ...]]
    views: tuple[str, ...]
    indices: tuple[Index, ...]
    stitchers: tuple[Stitcher, ...]
    design: Design = Design()
    controls: tuple[Network, ...] = ()

    @cached_property
    def ordered(self) -> tuple[Network, ...]:
        """The networks by model, and those of one model by the number of the seed or else by name, in whatever order
        they were typed: an experiment that measures the first few networks takes them from here."""
        return tuple(sorted(self.networks, key=_place))

    def having(self, layer: str) -> tuple[Network, ...]:
        """The networks for which a layer is selected, in the order they were typed."""
        return tuple(network for network in self.networks if layer in self.layers[network.model.spec])

    def pairs(self, most: int | None = None) -> Iterator[Pair]:
        """Ordered pairs of different networks at each selected layer of both, layer by layer.

        most: at most so many pairs at each layer. They do not depend on the order in which networks were typed: the
        networks stand in a ring, in the order of `ordered`; each is paired with the next one, then each with the next
        but one, and so on, so that every network is a front and an end about equally often. None: the pairs of the
        selection's design (`Design.pairs`), by default all, in the order in which the networks were typed. Raises
        InputError for a design that needs more networks.
        """
        for layer in dict.fromkeys(layer for selected in self.layers.values() for layer in selected):
            if most is None:
                typed = self.having(layer)
                drawn = self.design.pairs(typed, [network.name for network in typed], self.setting.seed)
                yield from (Pair(layer, a, b) for a, b in drawn)
            else:
                ring = [network for network in self.ordered if layer in self.layers[network.model.spec]]
                shifted = ((a, ring[(i + by) % len(ring)]) for by in range(1, len(ring)) for i, a in enumerate(ring))
                yield from (Pair(layer, a, b) for a, b in islice(shifted, most))

    @cached_property
    def _key(self) -> str:
        networks = ([[network.name, network.identity] for network in some] for some in (self.networks, self.controls))
        return digest([self.setting.identity, *networks])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Selection) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)


def _place(network: Network) -> tuple[list[int | str], list[int | str]]:
    """Sort key of a network: numbers in names count as numbers, 2 before 10."""
    return _natural(network.model.spec), _natural(network.seed)


def _natural(text: str) -> list[int | str]:
    return [int(part) if part.isdecimal() else part for part in re.split(r"([0-9]+)", text)]


def _kind(dataset: Dataset) -> tuple[int, tuple[str, ...], bool]:
    return dataset.classes, tuple(dataset.attributes), dataset.regression


def _outputs(dataset: Dataset) -> str:
    what = "numbers" if dataset.regression else "attributes" if dataset.attributes else "classes"
    return f"{dataset.label}, {dataset.classes} {what}"
