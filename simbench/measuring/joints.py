"""Properties of two layers that are stitched: a row of cuts.csv."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simbench.columns import CUT_KEY
from simbench.contracts import Experiment, Stitcher
from simbench.contracts.case import Case
from simbench.errors import Inapplicable
from simbench.measuring.aligned import Aligned
from simbench.networks.stages import in_a_row
from simbench.system.raised import message

if TYPE_CHECKING:
    from simbench.contracts.selection import Network
    from simbench.measuring.bench import Workbench


def wanted(case: Case, bench: Workbench) -> bool:
    """Whether a case stitches two layers of which cuts.csv tells: those of any names, or of a network that is no row
    of stages. Of others, the layer's name says it all."""
    if case.kind != "stitcher" or not isinstance(case.method, Stitcher):
        return False
    unlike = isinstance(case.experiment, Experiment) and case.experiment.unlike
    return unlike or not all(in_a_row(bench.activations.net(each)) for each in (case.a, case.b))


def joint(case: Case, bench: Workbench) -> dict[str, Any] | None:
    """The row of cuts.csv for the layers of a case, without `run`; None if a layer cannot be read."""
    labels = case.labels
    try:
        shapes = [bench.shape(case.a, case.layer_a), bench.shape(case.b, case.layer_b)]
    except Inapplicable:
        return None
    row = {name: labels[name] for name in CUT_KEY}
    for side, network, layer, shape in zip("ab", (case.a, case.b), (case.layer_a, case.layer_b), shapes, strict=True):
        row |= {f"weights_{side}": network.weights, f"graph_{side}": network.graph}
        row |= {f"shape_{side}": "x".join(map(str, shape)), f"layout_{side}": _layout(bench, network, layer, shape)}
    row |= {"engine": "none", "end_multiply_adds": None, "cut_note": "", "resize": case.resize or "none"}
    try:
        row["engine"] = bench.activations.engine(case.b, case.layer_b)
        row["end_multiply_adds"] = bench.multiply_adds(case.b, case.layer_b)
    except Inapplicable as reason:
        row["cut_note"] = message(reason)
    return row | _alignment(case, bench)


def _layout(bench: Workbench, network: Network, layer: str, shape: tuple[int, ...]) -> str:
    layout = bench.activations.layout(network, layer)
    return str(layout or ("image" if len(shape) == 3 else "vector"))


def _alignment(case: Case, bench: Workbench) -> dict[str, Any]:
    """Rows, what was left out of them, alignment and the rule for class tokens; empty where the layers do not come
    together."""
    nothing = {"fit_rows": None, "view": "", "mask": "", "alignment": "", "class_tokens": ""}
    try:
        bench.must_pair(case, "spatial")
        both = bench.members(case, "spatial", moved=True)
    except Inapplicable:
        return nothing
    said = [f"{side}: {layer.said}" for side, (_, layer) in zip("ab", both, strict=True) if isinstance(layer, Aligned)]
    layouts = [bench.activations.layout(*member) for member in ((case.a, case.layer_a), (case.b, case.layer_b))]
    leading = any(layout is not None and layout.prefix for layout in layouts)
    return {
        "fit_rows": bench.places(both[1], "train"),
        "view": "spatial",
        "mask": "padding" if bench.padded(both[1], "train", "spatial") else "none",
        "alignment": "; ".join(said),
        "class_tokens": ("dropped" if said else "pass") if leading else "",
    }
