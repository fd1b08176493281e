"""The cuts of a job, tried before a network is trained for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simbench.contracts import Stitcher
from simbench.errors import InputError
from simbench.system.surroundings import abroad

if TYPE_CHECKING:
    from simbench.runs.plan import Part


def try_cuts(part: Part) -> None:
    """Raise InputError for the first model to be trained whose network cannot be cut at a layer that its networks are
    stitched at."""
    homes = {network.model.spec: network.home(part.selection.setting) for network in part.untrained}
    ends = {(case.b.model.spec, case.layer_b): case.b.model for case in part.cases if isinstance(case.method, Stitcher)}
    built: dict[str, object] = {}
    for (spec, layer), model in ends.items():
        if spec not in homes or not layer:
            continue
        from simbench.networks.cut import cut

        if spec not in built:
            with abroad():
                built[spec] = model.build(homes[spec].channels, homes[spec].classes)
        try:
            cut(built[spec], layer)
        except InputError as error:
            raise InputError(f"model {spec} cannot be stitched at {layer}: {error}") from None
