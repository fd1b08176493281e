"""The cuts of a job, tried before a network is trained for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simbench.contracts import Stitcher
from simbench.errors import InputError
from simbench.system.surroundings import abroad

if TYPE_CHECKING:
    from simbench.cutting.cutter import Cutter
    from simbench.runs.plan import Part

#: Inputs that a network is traced with.
FEW = 4


def try_cuts(part: Part) -> None:
    """Raise InputError for the first model to be trained whose network cannot be cut at a layer that its networks are
    stitched at."""
    homes = {network.model.spec: network.home(part.selection.setting) for network in part.untrained}
    ends = {(case.b.model.spec, case.layer_b): case.b.model for case in part.cases if isinstance(case.method, Stitcher)}
    cutters: dict[str, Cutter] = {}
    for (spec, layer), model in ends.items():
        if spec not in homes or not layer:
            continue
        from simbench.cutting.cutter import Cutter
        from simbench.networks.inputs import pixels, prepared

        home = homes[spec]
        if spec not in cutters:
            with abroad():
                net, images = model.build(home.channels, home.classes), home.split("test").inputs[:FEW]
            cutters[spec] = Cutter(net, model.adapted(prepared(pixels(images, home.range), model, home)))
        try:
            cutters[spec].cut(layer)
        except InputError as error:
            raise InputError(f"model {spec} cannot be stitched at {layer}: {error}") from None
