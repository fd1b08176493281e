"""Networks that other libraries and files make: what the sources of models share."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import cached_property, lru_cache
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from simbench_plugins.models import training

from simbench import Dataset, InputError, Model, Preprocess, Recipe, number

if TYPE_CHECKING:
    from torch import nn


#: Pixels per side of images for the survey of a network that takes any.
SIDE = 224


@dataclass(frozen=True)
class Home(Dataset):
    """The data set that published weights were trained on: its outputs, without images."""

    network: str = ""
    outputs: int = 1000

    name = "published"
    source = "the publisher of the weights"
    channels = 3
    mean = std = (0.5, 0.5, 0.5)  # the network states its own

    @property
    def classes(self) -> int:
        return self.outputs

    @property
    def label(self) -> str:
        return f"the data of {self.network}"


@dataclass(frozen=True)
class Foreign(Model):
    """A network of another library, by its name there.

    weights: published weights to use instead of training; DEFAULT takes the library's best.
    inputs: "data" gives the network images as the data set has them, with its mean and std; "weights" gives them in the
        size and with the mean and std of the published weights' own transforms. None: "weights" with published weights,
        else "data".
    size: pixels per side, in place of that; mean, std: per channel, in place of those (`mean=0.5+0.5+0.5`).
    optimizer, epochs, learning_rate, augment: of training; none takes the data set's epochs and augmentation, and 0.05
        for sgd or 0.001 for adam.
    """

    network: str = ""
    weights: str | None = None
    inputs: Literal["data", "weights"] | None = None
    size: int | None = number(None, least=1)
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    optimizer: Literal["sgd", "adam"] = "sgd"
    epochs: int | None = number(None, least=1)
    learning_rate: float | None = number(None, above=0.0)
    augment: bool | None = None

    #: Name of the source.
    prefix: ClassVar[str]
    source = "the library that it is named after"

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.mean is None) != (self.std is None):
            raise InputError("one of mean and std is given; give both, per channel, as in mean=0.5+0.5+0.5")

    @property
    def name(self) -> str:
        return f"{self.prefix}:{self.network}"

    @property
    def params(self) -> dict[str, Any]:
        """Without `network`, which the name says."""
        return {key: value for key, value in super().params.items() if key != "network"}

    @property
    def identity(self) -> dict[str, Any]:
        """With what the network is given, which another version of the library may change."""
        preprocess = self.preprocess
        return super().identity | {"preprocess": preprocess and preprocess.identity}

    @property
    def own(self) -> Preprocess:
        """What the transforms of the published weights say, or what the network needs."""
        raise NotImplementedError

    @property
    def needs_size(self) -> bool:
        """Whether the network takes images of one size only."""
        return False

    @cached_property
    def preprocess(self) -> Preprocess:
        own = self.own if self.inputs == "weights" or (self.inputs is None and self.weights) else Preprocess()
        size, resize = own.size, own.resize
        if self.size:
            size, resize = (self.size, self.size), None
        elif size is None and self.needs_size:
            size = self.own.size
        mean, std = (own.mean, own.std) if self.mean is None else (self.mean, self.std)
        return Preprocess(size, resize, own.interpolation, own.channels, mean, std)

    @property
    def layers(self) -> tuple[str, ...]:
        """Every module that runs once and gives activations, below the output."""
        return surveyed(self)[0]

    @property
    def default_layers(self) -> tuple[str, ...]:
        """Outputs of repeated blocks, or where there are none those of pooling and of the outermost modules."""
        return surveyed(self)[1]

    def published(self) -> Dataset | None:
        return Home(self.name, self.outputs) if self.weights else None

    @property
    def outputs(self) -> int:
        """Number of outputs of the published weights."""
        raise NotImplementedError

    def recipe(self, dataset: Dataset) -> Recipe:
        return training.recipe(self, dataset, {"sgd": 0.05, "adam": 0.001}, clip=1.0)


@lru_cache(maxsize=64)
def surveyed(model: Foreign) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """All layers of a network, and the default ones, from a pass without values on the meta device."""
    import torch

    from simbench.networks.front import readable

    channels, classes = model.vocabulary or 3, 10
    published = model.published()
    with torch.device("meta"), torch.no_grad():
        net = model.build(channels, published.classes if published else classes).eval()
        side = model.preprocess.size if model.preprocess and model.preprocess.size else (SIDE, SIDE)
        x = torch.zeros(2, 16, dtype=torch.int64) if model.vocabulary else torch.zeros(2, 3, *side)
        try:
            found = tuple(readable(net, x)[0])
        except Exception:  # a forward that reads values cannot run without them
            found = tuple(name for name, _ in net.named_modules() if name)
    last = list(net._modules)[-1]
    found = tuple(name for name in found if name != last)
    return found, usual(net, found) or found


def usual(net: nn.Module, found: tuple[str, ...]) -> tuple[str, ...]:
    """The layers among those found that are outputs of repeated blocks: of two or more modules with parts of one class,
    side by side; or else of pooling and of the outermost modules."""
    from torch import nn

    rows = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
    blocks = {
        f"{name}.{child}" if name else child
        for name, module in net.named_modules()
        for child, block in module.named_children()
        if any(block.children())
        and not isinstance(block, rows)
        and sum(type(other) is type(block) for other in module.children()) > 1
    }
    chosen = {name for name in blocks if not any(name.startswith(f"{outer}.") for outer in blocks)}
    if not chosen:
        pools = {name for name, module in net.named_modules() if "Pool" in type(module).__name__}
        chosen = pools | {name for name, _ in net.named_children()}
    return tuple(name for name in found if name in chosen)


def package(name: str, extra: str) -> ModuleType:
    """An optional package. Raises InputError that says how to get it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise InputError(
            f"{extra}: needs the package {name}, which cannot be imported ({error}); "
            f"pip install 'simbench[{extra}]' installs it"
        ) from None
