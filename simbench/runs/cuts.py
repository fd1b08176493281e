"""The networks of a job and their cuts, tried before a network is trained for them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from simbench.contracts import Dataset, Model, Stitcher
from simbench.errors import InputError
from simbench.system import fatal
from simbench.system.raised import told
from simbench.system.surroundings import abroad, at_home

if TYPE_CHECKING:
    from torch import Tensor, nn

    from simbench.runs.plan import Part

#: Inputs that a network is traced with.
FEW = 4


def try_cuts(part: Part) -> None:
    """Raise InputError for the first model to be trained whose network does not give outputs (n, classes) for the
    data, or cannot be cut at a layer that its networks are stitched at."""
    homes = {network.model.spec: network.home(part.selection.setting) for network in part.untrained}
    inputs = part.selection.setting.dataset
    ends = {(case.b.model.spec, case.layer_b): case.b.model for case in part.cases if isinstance(case.method, Stitcher)}
    models = {network.model.spec: network.model for network in part.untrained}
    for spec, model in models.items():
        given = (model, homes[spec], inputs, [layer for owner, layer in ends if owner == spec and layer])
        try:
            with at_home(), fatal.marked(["cutting", model.identity, inputs.label], _cut, *given):
                _cut(*given)  # whatever settings other plugins have left that were asked before
        except fatal.Died as died:
            raise InputError(
                f"model {spec} cannot be cut: that {died}; leave it out, or give other layers with --layers"
            ) from None


def _cut(model: Model, home: Dataset, inputs: Dataset, layers: list[str]) -> None:
    from simbench.cutting import cut
    from simbench.cutting.cutter import Cutter
    from simbench.networks.inputs import pixels, prepared
    from simbench.networks.stages import in_a_row

    with abroad():
        net = model.build(home.channels, home.classes).eval()
        few = inputs.split("test").inputs[:FEW]
        given = model.adapted(prepared(pixels(few, inputs.range), model, home))
    _run(model, net, given, home)
    at = partial(cut, net) if in_a_row(net) else Cutter(net, given).cut if layers else None
    for layer in layers:
        try:
            at(layer)
        except InputError as error:
            raise InputError(f"model {model.spec} cannot be stitched at {layer}: {error}") from None


def _run(model: Model, net: nn.Module, given: Tensor, home: Dataset) -> None:
    """Raise InputError unless the network gives outputs (n, classes), or features where the model says so."""
    import torch

    shape = f"inputs {tuple(given.shape)} of {home.label}" if isinstance(given, torch.Tensor) else home.label
    try:
        with abroad(), torch.no_grad():
            found = net(given)
    except Exception as error:  # a plugin may raise anything
        raise InputError(
            f"the network of model {model.spec} cannot run on {shape} ({told(error)}); take other data, or a `build` "
            "for their channels and size"
        ) from error
    made = tuple(found.shape) if isinstance(found, torch.Tensor) else type(found).__name__
    wanted = (len(given), home.classes)
    if not model.features and made != wanted:
        raise InputError(f"the network of model {model.spec} gives {made} for {shape}; {wanted} is wanted")
