"""Cuts: a network as front and end, by the first engine that can."""

from __future__ import annotations

from typing import Any

from torch import nn

from simbench.cutting.copies import bare
from simbench.cutting.cutter import Cutter
from simbench.cutting.engines import Cut, known
from simbench.cutting.rows import cut_row
from simbench.errors import InputError
from simbench.networks.stages import in_a_row, stages


def cut(net: nn.Module, layer: str, inputs: Any = None, engine: str = "auto") -> Cut:
    """`(front, end)` with `end(front(x)) == net(x)` bitwise in eval mode, nothing executed twice.

    net: any network; an nn.Sequential of named stages, which may be nested (`layer2.0`), needs no `inputs`.
    layer: the submodule whose output is the representation.
    inputs: a batch as the network takes it: a tensor, a tuple of arguments, or a dict of keyword arguments. The network
    is traced with 2 of these inputs, and the cut verified with 3.
    engine: one of ENGINES, or "auto": the first that can cut here. "hook" can cut wherever a layer runs once, but its
    end runs the whole network on its own inputs and replaces the output of the layer; it is only taken when named.
    A network, or a part of it, that torch.compile made runs as it was before, whose last bits may differ.
    Front and end are in eval mode, share the parameters of `net`, and overwrite neither x nor activations. The end of
    a cut that `reads_input` takes the network's inputs after the activations.
    Raises InputError where no engine can, with the reason: by what the layer is bypassed, that it runs several times.

    >>> import torch
    >>> net = nn.Sequential()
    >>> net.add_module("conv", nn.Conv2d(3, 4, 1))
    >>> net.add_module("relu", nn.ReLU())
    >>> front, end = cut(net, "conv")
    >>> x = torch.randn(2, 3, 5, 5)
    >>> torch.equal(end(front(x)), net(x))
    True
    """
    known(engine)
    whole = bare(net)
    if engine in ("auto", "sequential") and in_a_row(whole):
        names = stages(whole)
        if layer in names or inputs is None or engine == "sequential":
            return Cut(*cut_row(whole, layer), "sequential")
    if engine == "sequential":
        raise InputError(
            f"a {type(whole).__name__} is no nn.Sequential of named stages; give engine='auto' and inputs="
        )
    if inputs is None:
        raise InputError(
            f"a {type(whole).__name__} cannot be cut without inputs, since it is not an nn.Sequential of named stages; "
            "give inputs=, a batch as the network takes it"
        )
    return Cutter(net, inputs).cut(layer, engine)


def front(net: nn.Module, layer: str, inputs: Any = None) -> nn.Module:
    """The network up to the output of a layer, in eval mode: the front alone, for indices.

    Any layer will do that runs once and gives one tensor of floats, also in a tuple or a dict. Raises InputError for
    others, with the reason.
    """
    whole = bare(net)
    if in_a_row(whole) and layer in stages(whole):
        return cut_row(whole, layer)[0]
    if inputs is None:
        raise InputError(
            f"layer {layer!r} of a {type(whole).__name__} cannot be read without inputs; give inputs=, a batch"
        )
    return Cutter(net, inputs).front(layer)
