"""How large networks, their activations and data are, from one input of untrained networks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from simbench.system.surroundings import abroad

if TYPE_CHECKING:
    from simbench.contracts import Dataset, Model


@dataclass(frozen=True)
class Sizes:
    """weights: bytes of a network. layers: bytes of the activations of one input, by layer."""

    weights: int = 0
    layers: dict[str, int] = field(default_factory=dict)


def sizes(model: Model, dataset: Dataset, layers: Iterable[str], home: Dataset | None = None) -> Sizes:
    """Of a network of the model that is made for `home`, by default the same data. Raises what `build` and the network
    raise."""
    import torch

    from simbench.contracts import splits
    from simbench.networks.inputs import draw, prepared

    one, _ = draw(splits.read(dataset, "test"), 1, 0, dataset.range, dataset.raw)
    found: dict[str, int] = {}
    with torch.random.fork_rng(devices=[]), torch.no_grad(), abroad():
        torch.manual_seed(0)
        home = home or dataset
        net = model.build(home.channels, home.classes).eval()
        modules = dict(net.named_modules())
        for layer in layers:
            if layer in modules:
                modules[layer].register_forward_hook(partial(_note, found, layer))
        net(model.adapted(prepared(one, model, home, torch.device("cpu"))))
    return Sizes(sum(x.nbytes for x in net.state_dict().values()), found)


def _note(found: dict[str, int], layer: str, module: object, given: object, out: Any) -> None:
    """The bytes of the first tensor of an output."""
    first = next(iter(out.values())) if isinstance(out, dict) else out[0] if isinstance(out, (tuple, list)) else out
    found[layer] = int(getattr(first, "nbytes", 0))
