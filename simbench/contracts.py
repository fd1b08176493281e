"""What a plugin is: five contracts, two of which mirror each other.

An index turns two representations into a number; a stitcher turns them into an affine map. Everything
asymmetric runs a -> b: b is what is explained, reached or replaced. No class here computes anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    import numpy
    import pandas
    import torch

    from simbench.affine import Affine
    from simbench.cases import Case, Selection
    from simbench.moments import Moments
    from simbench.measure import Context
    from simbench.stitching import Task

#: invariance -> the invariances it implies (transitively closed).
INVARIANCES: dict[str, frozenset[str]] = {
    "translation": frozenset(),
    "permutation": frozenset(),
    "scaling": frozenset(),
    "orthogonal": frozenset({"permutation"}),
    "linear": frozenset({"orthogonal", "permutation", "scaling"}),
}


def invariant(*names: str) -> frozenset[str]:
    """The named invariances and all that they imply."""
    return frozenset(names).union(*(INVARIANCES[name] for name in names))


def nested(kind: str, default: str):
    """A dataclass field that holds another plugin, `kind` in the plural ("indices"), as in
    `cka_penalty[index=cka[estimator=debiased]]`; the registry puts the configured object there."""
    return field(default=default, metadata={"kind": kind})


class Plugin:
    """What all plugins share. Parameters are the fields of a frozen dataclass with defaults.

    name: what users type. source: citation with equation number. version: raised whenever the same
    parameters would give another number, so that stored results are computed anew.
    """

    kind: ClassVar[str]
    name: ClassVar[str]
    source: ClassVar[str]
    version: ClassVar[int] = 1

    @property
    def params(self) -> dict:
        """Parameter -> value; a nested plugin appears as its spec."""
        if not is_dataclass(self):
            return {}
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {key: value.spec if isinstance(value, Plugin) else value for key, value in values.items()}

    @property
    def identity(self) -> dict:
        """Plain data that fixes every number this plugin gives: part of a result's key."""
        inner = {f.name: getattr(self, f.name).identity for f in fields(self)
                 if isinstance(getattr(self, f.name), Plugin)} if is_dataclass(self) else {}
        return {"name": self.name, "version": self.version, "params": self.params | inner}

    @property
    def arguments(self) -> str:
        """The parameters that differ from their defaults, as in `variance=0.9,mean=squared`."""
        if not is_dataclass(self):
            return ""
        given = {f.name: f.default for f in fields(self)}
        return ",".join(f"{key}={_text(value)}" for key, value in self.params.items() if value != given[key])

    @property
    def spec(self) -> str:
        """What a user would type for this object: `svcca[variance=0.9]`."""
        return self.name + (f"[{self.arguments}]" if self.arguments else "")


def _text(value) -> str:
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


@dataclass(frozen=True)
class Claims:
    """What an index promises, for `simbench check` to hold it to.

    direction: +1 when larger means more similar, -1 for a distance.
    range: closed interval of possible values.
    invariances_a, invariances_b: transformations of that side alone that leave the value unchanged
        (see INVARIANCES; `linear` is any invertible map).
    differentiable: gradients with respect to the rows are finite and not identically zero.
    """

    direction: int = 1
    symmetric: bool = False
    range: tuple[float, float] = (0.0, 1.0)
    invariances_a: frozenset[str] = frozenset()
    invariances_b: frozenset[str] = frozenset()
    differentiable: bool = False


@dataclass(frozen=True)
class KnownAnswer:
    """A case whose value is known in closed form: rows a (n, p), b (n, q), and why."""

    a: object
    b: object
    value: float
    why: str
    tolerance: float = 1e-9


class Index(Plugin):
    """A similarity index s(A, B).

    Implement `from_moments`, when the value depends on the centred second moments alone (it then streams
    over any number of rows), or `from_samples`, or both; from_moments is preferred where both are there.
    """

    kind = "indices"
    #: Rows that the harness draws, seeded, for from_samples; None takes all.
    max_rows: ClassVar[int | None] = 2000

    @property
    def claims(self) -> Claims:
        """Of this configured object."""
        return Claims()

    @property
    def needs(self) -> str:
        """"moments" or "samples": what this configured object computes from."""
        return "moments" if type(self).from_moments is not Index.from_moments else "samples"

    def from_moments(self, m: Moments) -> torch.Tensor:
        """0-dim value from the moments of rows a (n, p), b (n, q)."""
        raise TypeError(f"index {self.name!r} implements no from_moments")

    def from_samples(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        """0-dim value from paired rows a (n, p), b (n, q)."""
        raise TypeError(f"index {self.name!r} implements no from_samples")

    def degenerate(self, m: Moments) -> str | None:
        """Why the value carries no information for these moments (too few rows, say), or None."""
        return None

    def known_answers(self) -> list[KnownAnswer]:
        """Closed-form cases of this configured object, checked by `simbench check`."""
        return []


class Stitcher(Plugin):
    """A way to find the affine map from a to b.

    Implement `from_moments` (direct matching) or `from_task` (task loss matching).
    family: "identity", "orthogonal", "reduced_rank", "linear" or "affine": what the map is confined to.
    objective: what it minimises, "residual" or "cross_entropy"; "" when it minimises nothing.
    """

    kind = "stitchers"
    objective: ClassVar[str] = "residual"

    @property
    def family(self) -> str:
        return "affine"

    @property
    def needs(self) -> str:
        """"moments" or "task"."""
        return "task" if type(self).from_task is not Stitcher.from_task else "moments"

    def from_moments(self, m: Moments) -> Affine:
        """Affine map, weight (p, q) in float64."""
        raise TypeError(f"stitcher {self.name!r} implements no from_moments")

    def from_task(self, task: Task, starts: Affine | None = None,
                  on_step: Callable[[int, Affine], None] | None = None) -> Affine:
        """Affine map trained through the frozen end network.

        starts: weight (k, p, q) trains k maps side by side; None makes one from the stitcher's own `init`.
        on_step: called before the first step as (0, affine) and after step s as (s, affine).
        """
        raise TypeError(f"stitcher {self.name!r} implements no from_task")


@dataclass(frozen=True)
class Recipe:
    """How a network is trained; with the seed it is part of what the weights are cached under.

    schedule: "one_cycle" (peak `learning_rate`) or "constant". augment: random crop (padding 4) and flip.
    """

    optimizer: str = "sgd"
    learning_rate: float = 0.1
    epochs: int = 8
    batch: int = 64
    momentum: float = 0.9
    weight_decay: float = 5e-4
    schedule: str = "one_cycle"
    augment: bool = False

    @property
    def identity(self) -> dict:
        return asdict(self)


class Model(Plugin):
    """An architecture: named stages in a row, some of which can be stitched at."""

    kind = "models"

    @property
    def layers(self) -> tuple[str, ...]:
        """Every stage that can be stitched at, in order of depth."""
        raise TypeError(f"model {self.name!r} names no layers")

    @property
    def default_layers(self) -> tuple[str, ...]:
        return self.layers

    def build(self, channels: int, classes: int) -> torch.nn.Sequential:
        """Untrained network: images (n, channels, h, w) -> logits (n, classes). Randomness from torch's
        global generator, which the caller seeds."""
        raise TypeError(f"model {self.name!r} builds nothing")

    def recipe(self, dataset: Dataset) -> Recipe:
        """How to train it on this data set."""
        return Recipe(epochs=dataset.epochs, augment=dataset.augment)


@dataclass(frozen=True, eq=False)
class Split:
    """images: (n, c, h, w) uint8. labels: (n,) int64."""

    images: numpy.ndarray
    labels: numpy.ndarray


class Dataset(Plugin):
    """Images with labels, in a train and a test split.

    mean, std: per channel, of images scaled to [0, 1]; networks see (image / 255 - mean) / std.
    epochs, augment: what a small network needs to be trained well on it.
    """

    kind = "datasets"
    channels: int
    classes: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
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
        from simbench.provenance import digest

        parts = [self.split(name) for name in ("train", "test")]
        return digest([[str(array.shape), digest(array.tobytes())]
                       for part in parts for array in (part.images, part.labels)]
                      + [list(self.mean), list(self.std)])


@dataclass(frozen=True)
class Row:
    """One measured number of a case. status: ok, degenerate, skipped or failed; each but ok has a note."""

    quantity: str
    value: float | None
    step: int | None = None
    status: str = "ok"
    note: str = ""


class Experiment(Plugin):
    """A plan of cases and how to measure one."""

    kind = "experiments"

    def plan(self, selection: Selection) -> Iterator[Case]:
        """Every case of the selection; computes nothing. Raises InputError for what cannot be asked."""
        raise TypeError(f"experiment {self.name!r} plans nothing")

    def run(self, case: Case, context: Context) -> list[Row]:
        """Measure one case. Raise Inapplicable(reason) for a row `skipped`; any other exception is a row
        `failed`."""
        raise TypeError(f"experiment {self.name!r} runs nothing")

    def summary(self, rows: pandas.DataFrame) -> pandas.DataFrame:
        """A short table for people from this experiment's measurements (columns as in measurements.csv)."""
        return rows.groupby(["dataset", "method", "quantity"], as_index=False)["value"].mean()
