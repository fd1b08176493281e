"""A case: the unit of work, of storage and of resuming. Cases with equal content are the same case."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from simbench.contracts.fields import texts
from simbench.contracts.index import Index
from simbench.contracts.plugin import Plugin
from simbench.contracts.selection import Network, Pair, Setting
from simbench.system.provenance import digest

#: Version of records; increased when records of the old layout would be misread, or moments give other numbers.
SCHEMA = 3


@dataclass(frozen=True)
class Case:
    """One method on one pair of representations in one view: the unit of work, of storage and of resuming.

    experiment: the experiment that planned it. kind: "index", "stitcher", "network" (an unstitched one, a == b) or
    another word that the experiment chooses; `Experiment` describes how each is read. method: the index or stitcher, or
    None. view: "" where none applies. control: a network that a is compared with, as a front of b. resize: how
    activations of a are brought to the height and width of b, one of `simbench.moments.alignment.RESIZES`; "": layers
    of unlike height and width do not pair. An experiment sets it where they are unlike.

    `stitch`, `compare` and `alone` create the cases that most experiments plan.
    """

    experiment: Plugin
    setting: Setting
    kind: str
    method: Plugin | None
    a: Network
    layer_a: str
    b: Network
    layer_b: str
    view: str
    split: str = "test"
    control: Network | None = None
    resize: str = ""

    @classmethod
    def stitch(cls, experiment: Plugin, setting: Setting, stitcher: Plugin, pair: Pair, kind: str = "stitcher") -> Case:
        """A stitcher on a pair of networks, in view spatial."""
        return cls.compare(experiment, setting, stitcher, pair, "spatial", kind)

    @classmethod
    def compare(
        cls, experiment: Plugin, setting: Setting, index: Plugin, pair: Pair, view: str, kind: str = "index"
    ) -> Case:
        """An index on a pair of networks in a view."""
        layer, a, b = pair
        return cls(experiment, setting, kind, index, a, layer, b, layer, view)

    @classmethod
    def alone(cls, experiment: Plugin, setting: Setting, network: Network) -> Case:
        """An unstitched network."""
        return cls(experiment, setting, "network", None, network, "", network, "", "")

    @cached_property
    def identity(self) -> dict[str, Any]:
        """Plain data that determines the measured numbers, without paths, versions of packages, devices and threads."""
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
            **({"control": self.control.identity} if self.control else {}),
            **({"resize": self.resize} if self.resize else {}),
            **({"padding": "left out"} if self.setting.dataset.tokens and self.view not in ("", "flat", "cls") else {}),
            **({"cut": self.setting.cut} if self.setting.cut != "exact" and self._stitches else {}),
        }

    @property
    def _stitches(self) -> bool:
        """Whether the case needs an end: indices and unstitched networks do not."""
        return self.kind != "network" and not isinstance(self.method, Index)

    @cached_property
    def key(self) -> str:
        """sha256 of `identity`: the name of this case's record."""
        return digest(self.identity)

    @property
    def group(self) -> tuple[str, ...]:
        """Cases of one group share forward passes."""
        return (self.setting.fingerprint, self.layer_a, self.layer_b, self.a.content, self.b.content)

    @property
    def labels(self) -> dict[str, Any]:
        """The columns that name this case in measurements.csv; `samples` is added when it is measured."""
        return {
            "dataset": self.setting.dataset.label,
            "split": self.split,
            "view": self.view,
            "model_a": self.a.model.spec,
            "seed_a": self.a.seed,
            "layer_a": self.layer_a,
            "model_b": self.b.model.spec,
            "seed_b": self.b.seed,
            "layer_b": self.layer_b,
            "panel": self.a.panel if self.a.panel == self.b.panel else "",
            "experiment": self.experiment.spec,
            "kind": self.kind,
            "method": self.method.name if self.method else "",
            "params": parameters(self.method) if self.method else "",
            "seed": self.setting.seed,
        }

    @property
    def place(self) -> str:
        """The layer, or two layers, as `bn7 -> bn8`."""
        return self.layer_a if self.layer_a == self.layer_b else f"{self.layer_a} -> {self.layer_b}"

    @property
    def name(self) -> str:
        """For progress lines and error messages."""
        return self.named(self.method.spec if self.method else self.kind)

    def named(self, what: str) -> str:
        """`name`, for callers that know the spec of the method, or else the kind."""
        where = f"{self.a.name} -> {self.b.name}" if self.a != self.b else self.a.name
        return " ".join(filter(None, (self.experiment.name, what, where, self.place, self.view)))


def parameters(plugin: Plugin) -> str:
    """All parameters, defaults too, as `estimator=biased,kernel=linear`."""
    return texts(plugin.params.items())
