"""Networks that other libraries and files make: what the sources of models share."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from simbench_plugins.models import training

from simbench import Dataset, InputError, Model, Preprocess, Recipe, number
from simbench.system.imports import deferred

if TYPE_CHECKING:
    from torch import Tensor, nn

#: Pixels per side of images that the survey of a network tries, in this order.
SIDES = (224, 32, 64, 28, 8)


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
        raise TypeError(f"model {self.name!r} says nothing of its images")

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
        """Every module that runs once and gives activations of images, tokens or vectors, below the output."""
        return surveyed(self)[0]

    @property
    def default_layers(self) -> tuple[str, ...]:
        """As in `simbench.cutting.default_layers`."""
        return surveyed(self)[1]

    def published(self) -> Dataset | None:
        return Home(self.name, self.outputs) if self.weights else None

    @property
    def outputs(self) -> int:
        """Number of outputs of the published weights."""
        raise TypeError(f"model {self.name!r} has no published weights")

    def recipe(self, dataset: Dataset) -> Recipe:
        return training.recipe(self, dataset, {"sgd": 0.05, "adam": 0.001}, clip=1.0)


@lru_cache(maxsize=64)
def surveyed(model: Foreign) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """All layers of a network, and the default ones, from a pass without values on the meta device, or from one with
    values where the network reads them."""
    import torch

    from simbench.cutting import Cutter, default_layers
    from simbench.cutting import surveyed as layers_of

    outputs, fault = getattr(model.published(), "classes", 10), None
    for device in ("meta", "cpu"):  # a forward that reads values cannot run without them
        fault = None
        with torch.random.fork_rng(devices=[]), torch.device(device), torch.no_grad():
            try:
                net = model.build(model.vocabulary or 3, outputs).eval()
                last = list(net._modules)[-1]
            except Exception as error:
                fault = error
                continue
            for x in _inputs(model, net):
                try:
                    layers = layers_of(Cutter(net, x), "hook")
                except Exception as error:
                    fault = fault or error
                    continue
                found = tuple(layer.name for layer in layers if not layer.unfit and layer.name != last)
                return found, tuple(name for name in default_layers(layers) if name in found) or found
    assert fault is not None
    raise fault


def _inputs(model: Foreign, net: nn.Module) -> Iterator[Tensor]:
    """Inputs that a network may take: of its vocabulary, of its size, or guessed."""
    import torch

    from simbench.networks.guesses import guesses

    if model.vocabulary:
        yield torch.zeros(2, 16, dtype=torch.int64)
        return
    size = model.preprocess.size if model.preprocess else None
    yield from guesses(net, [size] if size else [(side, side) for side in SIDES])


def library(name: str) -> ModuleType:
    """A module of torchvision, or of a package on top of it, without torch's compiler, which torchvision imports, for a
    second, to ask whether a device has one."""
    with deferred("torch._dynamo.utils", "is_compile_supported"):
        return importlib.import_module(name)


def package(name: str, extra: str) -> ModuleType:
    """An optional package. Raises InputError that says how to get it."""
    try:
        return library(name)
    except ImportError as error:
        raise InputError(
            f"{extra}: needs the package {name}, which cannot be imported ({error}); "
            f"pip install 'simbench[{extra}]' installs it"
        ) from None
