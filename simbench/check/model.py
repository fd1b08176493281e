"""The checks of a model: what it builds, and whether it can be cut at every layer that it names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache, partial

import torch
from torch import Tensor, nn

from simbench.check.contract import described
from simbench.check.data import seeded
from simbench.check.outcome import Check, require
from simbench.contracts import Dataset, Model, Recipe
from simbench.cutting import cut
from simbench.cutting.cutter import Cutter
from simbench.networks.stages import in_a_row, stages
from simbench.system.surroundings import known

#: Height and width of the images, the first of them that the network takes.
SIDES = (32, 64, 224)
CHANNELS, CLASSES = 3, 5
#: Share of the largest output by which rounding may change an output where a batch has another size.
ROUNDING = 1e-4


class Pictures(Dataset):
    """A description of images; it has no splits."""

    name, source = "pictures", "made for checks"
    channels, classes = CHANNELS, CLASSES
    mean, std = (0.5,) * CHANNELS, (0.25,) * CHANNELS


def images(n: int, side: int, channels: int = CHANNELS) -> Tensor:
    """Normal float32 images (n, channels, side, side)."""
    return torch.randn(n, channels, side, side, generator=seeded(n))


@cache
def built(model: Model, seed: int = 0, channels: int = CHANNELS, classes: int = CLASSES) -> nn.Module:
    """An untrained network in eval mode, with running statistics that differ from channel to channel."""
    with known(seed):
        net = model.build(channels, classes)
        require(isinstance(net, nn.Module), f"build returned {type(net).__name__}; a torch.nn.Module is wanted")
        for module in net.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.running_mean is not None:
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 2)
    return net.eval().requires_grad_(False)


@cache
def side(model: Model) -> int:
    """The size of images that the network takes: the smallest of SIDES that it does not refuse."""
    refusals = []
    for size in SIDES:
        try:
            built(model)(images(2, size))
            return size
        except (RuntimeError, ValueError) as error:
            refusals.append(f"{size} x {size}: {' '.join(str(error).split())[:120]}")
    require(False, f"the network takes no image of {'; '.join(refusals)}")
    raise AssertionError  # not reached


def contract(model: Model) -> str:
    """Name, source, version, parameters, layers and recipe."""
    described(model)
    layers, default = tuple(model.layers), tuple(model.default_layers)
    require(bool(layers), "layers is empty; names of stages are wanted")
    require(len(set(layers)) == len(layers), f"layers names a stage twice: {', '.join(layers)}")
    require(set(default) <= set(layers), f"default_layers are not all in layers: {sorted(set(default) - set(layers))}")
    recipe = model.recipe(Pictures())
    require(isinstance(recipe, Recipe), f"recipe returned {recipe!r}; a simbench.Recipe is wanted")
    require(not recipe.fault, f"of its recipe, {recipe.fault}")
    return f"{len(layers)} layers, {len(default)} by default"


def outputs(model: Model) -> str:
    """Finite logits (n, classes) for images of one and of three channels."""
    size = side(model)
    for channels, classes in ((CHANNELS, CLASSES), (1, 3)):
        logits = built(model, 0, channels, classes)(images(2, size, channels))
        shape = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        require(
            shape == (2, classes), f"{channels} channels and {classes} classes give {shape}; (2, {classes}) is wanted"
        )
        require(bool(logits.isfinite().all()), f"{channels} channels give outputs that are not finite")
    return f"logits of images of {size} x {size}, with 1 and 3 channels"


def layers(model: Model) -> str:
    """Every layer is a stage of the network, or a module of one that is no row of stages."""
    net = built(model)
    what = "stages" if in_a_row(net) else "modules"
    named = stages(net) if in_a_row(net) else [name for name, _ in net.named_modules() if name]
    missing = [layer for layer in model.layers if layer not in named]
    require(not missing, f"no {what}: {', '.join(missing)}; the {what} are {', '.join(named)}")
    return f"{len(model.layers)} of {len(named)} {what}"


def exact_cut(model: Model) -> str:
    """end(front(x)) == net(x) bitwise at every layer, at two sizes of a batch."""
    net, size = built(model), side(model)
    if not in_a_row(net):
        return _traced_cuts(model, net, size)
    for layer in model.layers:
        front, end = cut(net, layer)
        for n in (2, 3):
            x = images(n, size)
            require(torch.equal(end(front(x)), net(x)), f"cut at {layer!r}, the network gives other outputs (n = {n})")
    return f"bitwise at {len(model.layers)} layers"


def _traced_cuts(model: Model, net: nn.Module, size: int) -> str:
    """The same at the default layers of a network that is no row of stages, as far as it can be cut there; stitches
    skip the others with the reason."""
    cutter, engines = Cutter(net, images(2, size)), []
    unknown = [layer for layer in model.default_layers if layer not in dict(net.named_modules())]
    require(not unknown, f"a {type(net).__name__} cannot be cut at {', '.join(unknown)}: it has no such module")
    for layer in model.default_layers:
        engine, _ = cutter.engine(layer)
        if engine is None:
            continue
        found = cutter.cut(layer)
        for n in (2, 3):
            x = images(n, size)
            outputs = found.end(found.front(x), *[x] * found.reads_input)
            require(torch.equal(outputs, net(x)), f"cut at {layer!r}, the network gives other outputs (n = {n})")
        engines.append(found.engine)
    by = f", by {' and '.join(sorted(set(engines)))}" if engines else ""
    return f"bitwise at {len(engines)} of {len(model.default_layers)} default layers{by}"


def seeded_weights(model: Model) -> str:
    """One seed gives one network, and another seed another."""
    one, other = (dict(built(model, seed).named_parameters()) for seed in (0, 1))
    built.cache_clear()
    again = dict(built(model).named_parameters())
    same = one.keys() == again.keys() and all(torch.equal(one[key], again[key]) for key in one)
    require(same, "two networks of one seed differ; draw weights from torch's global generator alone")
    require(
        any(not torch.equal(one[key], other[key]) for key in one),
        "networks of two seeds are equal; draw weights from torch's global generator",
    )
    return f"{sum(x.numel() for x in one.values()):,} numbers"


def one_by_one(model: Model) -> str:
    """In eval mode, the outputs of an image do not depend on the other images of a batch, nor on earlier batches."""
    net, x = built(model), images(3, side(model))
    whole, first = net(x), net(x[:1])
    error = float((whole[:1] - first).abs().max() / whole.abs().max().clamp_min(1e-30))
    require(error <= ROUNDING, f"the outputs of an image change by {error:.2g} of the largest with the batch around it")
    require(torch.equal(net(x), whole), "the same batch gives other outputs the second time")
    return f"{error:.1g} of the largest output"


RULES: dict[str, Callable[[Model], str]] = {
    "contract": contract,
    "outputs": outputs,
    "layers": layers,
    "cut": exact_cut,
    "seeds": seeded_weights,
    "one_by_one": one_by_one,
}


def model_checks(model: Model) -> Iterator[Check]:
    """Every check of a configured model."""
    for name, rule in RULES.items():
        yield Check(name, partial(rule, model))
