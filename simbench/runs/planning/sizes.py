"""How large networks, their activations and data are, from one input of untrained networks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from simbench.contracts import Stitcher
from simbench.contracts.case import Case
from simbench.contracts.selection import Network, Setting
from simbench.system.surroundings import abroad

if TYPE_CHECKING:
    from simbench.contracts import Dataset, Model


@dataclass(frozen=True)
class Sizes:
    """weights: bytes of a network. layers: bytes of the activations of one input, by layer. above: share of the
    multiply-adds of the convolutions and linear maps of a pass that is left above a layer."""

    weights: int = 0
    layers: dict[str, int] = field(default_factory=dict)
    above: dict[str, float] = field(default_factory=dict)


def sizes(model: Model, dataset: Dataset, layers: Iterable[str], home: Dataset | None = None) -> Sizes:
    """Of a network of the model that is made for `home`, by default the same data. Raises what `build` and the network
    raise."""
    import torch

    from simbench.contracts import splits
    from simbench.networks.inputs import draw, prepared

    one, _ = draw(splits.read(dataset, "test"), 1, 0, dataset.range, dataset.raw)
    nbytes: dict[str, int] = {}
    done: dict[str, float] = {}
    with torch.random.fork_rng(devices=[]), torch.no_grad(), abroad():
        torch.manual_seed(0)
        home = home or dataset
        net = model.build(home.channels, home.classes).eval()
        modules = dict(net.named_modules())
        spent = [0.0]
        for module in modules.values():
            module.register_forward_hook(partial(_count, spent))
        for layer in layers:
            if layer in modules:
                modules[layer].register_forward_hook(partial(_note, nbytes, layer))
                modules[layer].register_forward_hook(partial(_until, done, layer, spent))
        net(model.adapted(prepared(one, model, home, torch.device("cpu"))))
    above = {layer: 1 - below / spent[0] for layer, below in done.items() if spent[0]}
    return Sizes(sum(x.nbytes for x in net.state_dict().values()), nbytes, above)


def _count(spent: list[float], module: Any, given: object, out: Any) -> None:
    """The multiply-adds of a convolution or a linear map. The counter of torch would import its compiler."""
    import torch

    if isinstance(module, (torch.nn.Linear, torch.nn.modules.conv._ConvNd)):
        spent[0] += out.numel() * module.weight[0].numel()


def _until(done: dict[str, float], layer: str, spent: list[float], *given: object) -> None:
    """The multiply-adds of a pass so far."""
    done[layer] = spent[0]


@dataclass(frozen=True)
class Extents:
    """Of the models and data of some cases. sizes: by model. inputs: their number, by data set and split. data: bytes,
    by data set. models: a network of each, and the setting that it is measured in."""

    sizes: dict[str, Sizes]
    inputs: dict[str, dict[str, int]]
    data: dict[str, int]
    models: dict[str, tuple[Network, Setting]]

    def held(self, case: Case, network: Network, layer: str) -> int:
        """Bytes of activations of a network at a layer that a case reads: a stitch, those of both splits."""
        inputs = self.inputs[case.setting.dataset.label]
        count = sum(inputs.values()) if isinstance(case.method, Stitcher) else inputs[case.split]
        return self.sizes.get(network.model.spec, Sizes()).layers.get(layer, 0) * count

    def dearer(self, case: Case) -> float:
        """How much dearer a case is at its layer than on average over the layers of its model: a stitch, by the
        multiply-adds of the end that it is evaluated with; 1 for others."""
        above = self.sizes.get(case.b.model.spec, Sizes()).above
        if not isinstance(case.method, Stitcher) or case.layer_b not in above:
            return 1.0
        usual = sum(above.values()) / len(above)
        return above[case.layer_b] / usual if usual else 1.0


def extents(cases: Iterable[Case]) -> Extents:
    """A model that cannot be built or run has no size: its cases fail, and say why."""
    from simbench.contracts import splits

    known = Extents({}, {}, {}, {})
    layers: dict[str, set[str]] = defaultdict(set)
    for case in cases:
        for network, layer in ((case.a, case.layer_a), (case.b, case.layer_b)):
            layers[network.model.spec].add(layer)
            known.models[network.model.spec] = network, case.setting
        label = case.setting.dataset.label
        if label not in known.data:
            parts = {name: splits.read(case.setting.dataset, name).inputs for name in splits.SPLITS}
            known.inputs[label] = {name: min(len(part), case.setting.limit) for name, part in parts.items()}
            known.data[label] = sum(part.nbytes for part in parts.values())
    for spec, (network, setting) in known.models.items():
        with suppress(Exception):
            home = network.home(setting)
            known.sizes[spec] = sizes(network.model, setting.dataset, sorted(layers[spec] - {""}), home)
    return known


def _note(nbytes: dict[str, int], layer: str, module: object, given: object, out: Any) -> None:
    """The bytes of the first tensor of an output."""
    nbytes[layer] = int(getattr(_first(out), "nbytes", 0))


def _first(out: Any) -> Any:
    return next(iter(out.values())) if isinstance(out, dict) else out[0] if isinstance(out, (tuple, list)) else out
