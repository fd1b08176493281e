"""Verifies that panel files hold what they describe."""

from __future__ import annotations

from collections.abc import Iterator

from simbench.contracts import Dataset, Design, Model
from simbench.errors import InputError
from simbench.networks.panels import TOLERANCE, PanelFile, built
from simbench.networks.scoring import scores
from simbench.registry import Registry


def faults(panel: PanelFile, registry: Registry) -> list[str]:
    """One line for each fault of an open panel: of its model, data, layers and pairs, and of each network that cannot
    be built, has other tensors than the panel names, or gives other logits or another accuracy."""
    metadata = panel.metadata
    try:
        model: Model = registry.get("models", metadata["model"]["spec"])
        dataset: Dataset = registry.get("datasets", metadata["data"]["spec"])
        dataset.prepare()
        fingerprint = dataset.fingerprint()
        design = Design.of(metadata["pairs"])
    except InputError as error:
        return [f"panel {panel.label}: {error}"]
    lines = []
    lacking = [layer for layer in metadata["layers"] if layer not in model.layers]
    if lacking:
        lines.append(f"{model.spec} has no layer {', '.join(lacking)}; it has {', '.join(model.layers)}")
    if design.fronts is not None and design.fronts >= len(panel.seeds):
        lines.append(f"its design {design} needs more networks than its {len(panel.seeds)}")
    misfits = dict.fromkeys(panel.misfit(model, dataset, fingerprint, seed) for seed in panel.seeds)
    lines += [misfit for misfit in misfits if misfit]
    for seed in panel.seeds:
        lines += _faults(panel, model, dataset, seed)
    return [f"panel {panel.label}: {fault}" for fault in lines]


def _faults(panel: PanelFile, model: Model, dataset: Dataset, seed: int) -> Iterator[str]:
    """Of one network."""
    try:
        net = built(panel.network(model, dataset, seed), dataset)
    except InputError as error:
        yield str(error)
        return
    accuracy, images, _ = scores(net, dataset)
    wanted = panel.metadata["networks"][str(seed)]["accuracy"]
    if abs(accuracy - wanted) > 1 / images:  # one image whose two largest logits are equal but for rounding
        yield f"network {seed} has the test accuracy {accuracy:.4f} here, and the panel says {wanted:.4f}"
    deviation = panel.deviation(net, dataset, seed)
    if not deviation <= TOLERANCE:
        yield f"network {seed} gives logits that differ by {deviation:.2g} from the panel's; {TOLERANCE} is allowed"
