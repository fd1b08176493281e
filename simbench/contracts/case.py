"""A case: the unit of work, of storage and of resuming, as a value whose content is its identity."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from simbench.contracts.plugin import Plugin
from simbench.contracts.selection import Network, Setting
from simbench.system.provenance import digest

#: Raised when records of an older layout can no longer be read as what they say.
SCHEMA = 2


@dataclass(frozen=True)
class Case:
    """One method on one pair of representations in one view: the unit of work, of storage and of resuming.

    experiment: the one that planned it. kind: "index", "stitcher", "network" (an unstitched one, a == b) or a word of the experiment's own.
    method: the index or stitcher, None where there is none. view: "" where none applies.
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
            "model_a": self.a.model.spec,
            "seed_a": self.a.seed,
            "layer_a": self.layer_a,
            "model_b": self.b.model.spec,
            "seed_b": self.b.seed,
            "layer_b": self.layer_b,
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


def parameters(plugin: Plugin) -> str:
    """All parameters, defaults too, as `estimator=biased,kernel=linear`."""
    return ",".join(
        f"{key}={str(value).lower() if isinstance(value, bool) or value is None else value}"
        for key, value in plugin.params.items()
    )
