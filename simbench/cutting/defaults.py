"""Default layers: ends of stages and outputs of repeated blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from simbench.cutting.surveys import Layer


def default_layers(survey: Sequence[Layer]) -> list[str]:
    """The layers that are compared where the user names none, in order.

    These are the outputs of repeated blocks (children with a number in their names that hold modules and share a class
    with a sibling), and the ends of the stages that hold them; of layers that give the same output, such as a stage and
    its last block, the outermost. A network without such blocks has its own children and the outputs of pooling. Where
    exact cuts exist, the others are left out.
    """
    readable = [layer for layer in survey if layer.engine is not None]
    readable = [layer for layer in readable if layer.exact] or readable
    holders = {layer.name.rpartition(".")[0] for layer in survey}
    blocks = [layer for layer in survey if _repeated(layer, survey, holders)]
    stages = {layer.name.rpartition(".")[0] for layer in blocks}
    chosen = {layer.name for layer in blocks} | stages
    named = {layer.name: layer for layer in survey}
    same = {name for layer in readable if layer.name in chosen for name in _inside(layer, named)}
    outermost = [layer.name for layer in readable if layer.name in chosen - same]
    outer = [layer.name for layer in readable if "." not in layer.name or "Pool" in layer.kind]
    return outermost or outer or [layer.name for layer in readable]


def _repeated(layer: Layer, survey: Sequence[Layer], holders: set[str]) -> bool:
    """True for one of several blocks of a class in a list or row."""
    above, _, own = layer.name.rpartition(".")
    alike = [
        other
        for other in survey
        if other.name.rpartition(".")[0] == above and other.name[-1:].isdigit() and other.kind == layer.kind
    ]
    return own[-1:].isdigit() and len(alike) > 1 and layer.name in holders


def _inside(layer: Layer, named: dict[str, Layer]) -> Iterator[str]:
    """The layers inside a layer that give the same output."""
    while layer.closes:
        yield layer.closes
        layer = named[layer.closes]
