"""The cuts of a job, tried before a network is trained for them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from simbench.contracts import Dataset, Model, Stitcher
from simbench.errors import InputError
from simbench.system import fatal
from simbench.system.surroundings import abroad

if TYPE_CHECKING:
    from simbench.runs.plan import Part

#: Inputs that a network is traced with.
FEW = 4


def try_cuts(part: Part) -> None:
    """Raise InputError for the first model to be trained whose network cannot be cut at a layer that its networks are
    stitched at."""
    homes = {network.model.spec: network.home(part.selection.setting) for network in part.untrained}
    inputs = part.selection.setting.dataset
    ends = {(case.b.model.spec, case.layer_b): case.b.model for case in part.cases if isinstance(case.method, Stitcher)}
    models = {spec: model for (spec, layer), model in ends.items() if spec in homes and layer}
    for spec, model in models.items():
        given = (model, homes[spec], inputs, [layer for owner, layer in ends if owner == spec and layer])
        try:
            with fatal.marked(["cutting", model.identity, inputs.label], _cut, *given):
                _cut(*given)
        except fatal.Died as died:
            raise InputError(
                f"model {spec} cannot be cut: that {died}; leave it out, or give other layers with --layers"
            ) from None


def _cut(model: Model, home: Dataset, inputs: Dataset, layers: list[str]) -> None:
    cut = _cutting(model, home, inputs)
    for layer in layers:
        try:
            cut(layer)
        except InputError as error:
            raise InputError(f"model {model.spec} cannot be stitched at {layer}: {error}") from None


def _cutting(model: Model, home: Dataset, inputs: Dataset) -> Callable[[str], object]:
    """A function of a layer that cuts an untrained network of the model there."""
    from simbench.cutting import cut
    from simbench.cutting.cutter import Cutter
    from simbench.networks.inputs import pixels, prepared
    from simbench.networks.stages import in_a_row

    with abroad():
        net = model.build(home.channels, home.classes)
        if in_a_row(net):
            return partial(cut, net)
        images = inputs.split("test").inputs[:FEW]
    return Cutter(net, model.adapted(prepared(pixels(images, inputs.range), model, home))).cut
