"""Cases: what there is to measure, as values whose content is their identity."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from simbench.contracts import Dataset, Experiment, Index, Model, Plugin, Stitcher
from simbench.provenance import digest

#: Raised when records of an older layout can no longer be read as what they say.
SCHEMA = 2


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


@dataclass(frozen=True)
class Case:
    """One method on one pair of representations in one view: the unit of work, of storage and of resuming.

    kind: "index", "stitcher", "network" (an unstitched one, a == b) or a word of the experiment's own.
    method: the index or stitcher, None where there is none. view: "" where none applies.
    """

    experiment: Experiment
    setting: Setting
    kind: str
    method: Plugin | None
    a: Network
    layer_a: str
    b: Network
    layer_b: str
    view: str
    split: str = "test"

    @cached_property
    def identity(self) -> dict:
        """Plain data that fixes the measured numbers: no paths, versions of packages, devices or threads."""
        return {
            "schema": SCHEMA,
            **self.setting.identity,
            "experiment": self.experiment.identity,
            "kind": self.kind,
            "method": self.method.identity if self.method else None,
            "a": [*self.a.identity, self.layer_a],
            "b": [*self.b.identity, self.layer_b],
            "view": self.view,
            "split": self.split,
        }

    @cached_property
    def key(self) -> str:
        """sha256 of `identity`: the name of this case's record."""
        return digest(self.identity)

    @property
    def group(self) -> tuple[str, ...]:
        """Cases of one group share forward passes."""
        return (self.setting.fingerprint, self.layer_a, self.layer_b, self.a.content, self.b.content)

    @property
    def labels(self) -> dict:
        """The columns that name this case in measurements.csv (`samples` is known once it is measured)."""
        return {
            "dataset": self.setting.dataset.label,
            "split": self.split,
            "view": self.view,
            "model_a": self.a.model.spec, "seed_a": self.a.seed, "layer_a": self.layer_a,
            "model_b": self.b.model.spec, "seed_b": self.b.seed, "layer_b": self.layer_b,
            "experiment": self.experiment.spec,
            "kind": self.kind,
            "method": self.method.name if self.method else "",
            "params": parameters(self.method) if self.method else "",
            "seed": self.setting.seed,
        }

    @property
    def name(self) -> str:
        """For progress lines and error messages."""
        what = self.method.spec if self.method else self.kind
        where = f"{self.a.name} -> {self.b.name}" if self.a != self.b else self.a.name
        return " ".join(filter(None, (self.experiment.name, what, where, self.layer_a, self.view)))


def _place(network: Network) -> tuple[list, list]:
    """Where a network stands among others: numbers in names count as numbers, 2 before 10."""
    return _natural(network.model.spec), _natural(network.seed)


def _natural(text: str) -> list:
    return [int(part) if part.isdecimal() else part for part in re.split(r"([0-9]+)", text)]


def _outputs(dataset: Dataset) -> str:
    return f"{dataset.label}, {dataset.classes} {'attributes' if dataset.attributes else 'classes'}"


def parameters(plugin: Plugin) -> str:
    """All parameters, defaults too, as `estimator=biased,kernel=linear`."""
    return ",".join(f"{key}={str(value).lower() if isinstance(value, bool) or value is None else value}"
                    for key, value in plugin.params.items())
