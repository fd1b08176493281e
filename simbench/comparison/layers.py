"""`simbench.similarities`: every layer of one network against every layer of another, in as few passes as fit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from itertools import product

import pandas as pd
from torch import nn

from simbench.comparison.arrays import installed
from simbench.comparison.minibatches import MinibatchStream
from simbench.comparison.reading import Reading, Side
from simbench.comparison.streams import MomentStream
from simbench.contracts import Index
from simbench.errors import InputError, unknown
from simbench.grammar import memory as bytes_of
from simbench.grammar import split_list
from simbench.moments.views import VIEWS
from simbench.registry import Registry
from simbench.tracing.inputs import Choose, Inputs
from simbench.tracing.layouts import Layouts
from simbench.tracing.tapped import tapped

COLUMNS = ["index", "view", "layer_a", "layer_b", "value", "status", "note"]


def similarities(
    indices: str | Index | Iterable[str | Index],
    a: nn.Module,
    b: nn.Module,
    batches: Iterable,
    layers: str | Sequence[str] | None = None,
    layers_b: str | Sequence[str] | None = None,
    view: str = "spatial",
    registry: Registry | None = None,
    inputs: Choose | tuple[Choose | None, Choose | None] | None = None,
    layouts: str | Mapping[str, str] | tuple | None = None,
    memory: str = "2GB",
) -> pd.DataFrame:
    """Values of indices for every layer of network a with every layer of network b, in one pass over both, or in as few
    as fit in memory.

    indices: specs such as "cka,svcca[variance=0.9]" or "all", or Index objects; indices of moments, and of minibatches
        (`Index.minibatches`, such as `cka[estimator=minibatch]`; in view flat or pooled).
    a, b: any torch.nn.Module; a may be b, which then runs once. They are run in eval mode without gradients, as copies
        (with convolutions: in channels-last memory, which is faster), and left as they were.
    batches: input tensors (n, ...), sequences that start with one, as a DataLoader gives (inputs, labels), or dicts of
        keyword arguments. Each network is given tensors of its own. A sequence for a network whose `forward` may take
        several positional arguments is refused unless `inputs` is given.
    layers, layers_b: names of submodules; None takes all without submodules that run once and give float activations
        (n, p), (n, c, h, w) or of tokens (n, t, c). layers_b is as `layers` where it is not given.
    view: as for `simbench.similarity`. In view spatial layers of other height and width do not pair; (n, p) counts as
        1 x 1, t tokens as t x 1. In view flat only layers of at most 4,096 neurons have moments.
    inputs: a function of a batch that returns what a network is called with: a tensor, a tuple of arguments or a dict
        of keyword arguments; or a pair of functions, for a and for b.
    layouts: which axis of an output holds the channels ("nchw", "nhwc", "ntc", "nct"), for all layers or as a dict of
        names or patterns of layers; or a pair of them, for a and for b. Where nothing is said it is derived from the
        operations of the first pass; a layer of which it does not follow is skipped, and refused where it is named.
    memory: that sums, rows of a batch and decompositions may take, beside the networks and their own activations; what
        does not fit is left for further passes over batches, which must then be an iterable that can be read again.

    Returns a row a value: index, view, layer_a, layer_b, value, status ("ok"; "degenerate", which carries no
    information or is missing; "skipped" and "failed", without a value) and note, the reason; `simbench.measuring.value`
    has the policy. Moments are accumulated in float64, and bases come
    from them, where `simbench.similarity` decomposes the rows: values agree to about 1e-9 on well conditioned layers.
    Layers with as many neurons as there are rows are kept as rows and decomposed like there. A value is the same to the
    last bit whatever other layers are looked at, and in however many passes.
    A minibatch is a batch as it is given, cut where it is longer than the index allows.
    Raises InputError for layers that are unknown, do not run or run several times, for NaN or infinity, and for what
    does not fit in memory.
    """
    if view not in VIEWS:
        raise unknown("view", view, VIEWS)
    room = bytes_of(memory, "memory")
    room -= room // 8  # for copies that indices are handed, and what the allocator does not give back at once
    chosen = _chosen(indices, registry)
    streams = [MinibatchStream(index, view) for index in chosen if index.minibatches is not None]
    linear = [index for index in chosen if index.minibatches is None]
    streams += [MomentStream(linear, view)] if linear else []
    names_a = _names(layers, "layers")
    names_b = names_a if layers_b is None else _names(layers_b, "layers_b")
    choose, said = _pair(inputs), [Layouts.parse(each) for each in _pair(layouts)]
    with ExitStack() as stack:

        def side(net: nn.Module, names: list[str] | None, name: str, k: int) -> Side:
            taps = stack.enter_context(tapped(net, names, name, said[k]))
            return Side(name, taps, Inputs(net, choose[k], name))

        one = a is b and choose[0] is choose[1] and said[0] == said[1] and (names_a is None) == (names_b is None)
        if one:
            both = side(a, names_a if names_a is None else [*dict.fromkeys([*names_a, *names_b])], "a", 0)
            sides = (both, both)
        else:
            sides = (side(a, names_a, "a", 0), side(b, names_b, "b", 1))
        _matching(said, a, b)
        reading = Reading(streams, sides, (names_a, names_b), room)
        found = reading.values(batches)
    ordered = product([index.spec for index in chosen], *reading.layers)
    return pd.DataFrame(
        [
            (
                spec,
                view,
                layer_a,
                layer_b,
                float("nan") if value.value is None else value.value,
                value.status,
                value.note,
            )
            for spec, layer_a, layer_b in ordered
            for value in [found[spec, layer_a, layer_b]]
        ],
        columns=COLUMNS,
    )


def _pair(given) -> tuple:
    """What is given for both networks, or for a and for b."""
    return tuple(given) if isinstance(given, (tuple, list)) and len(given) == 2 else (given, given)


def _matching(said: list[Layouts], a: nn.Module, b: nn.Module) -> None:
    """InputError for a layout of a layer that neither network has."""
    names = [[name for name, _ in net.named_modules(remove_duplicate=False) if name] for net in (a, b)]
    for layouts, own in zip(said, ([*names[0], *names[1]],) * 2 if said[0] == said[1] else names, strict=True):
        for name in layouts.unmatched(own):
            raise unknown("layer in layouts", name, own, "layers are the names of submodules, or patterns of them")


def _chosen(indices: str | Index | Iterable[str | Index], registry: Registry | None) -> list[Index]:
    """Configured indices, each once, of moments or minibatches."""
    given = [indices] if isinstance(indices, (str, Index)) else list(indices)
    chosen: dict[str, Index] = {}
    for index in given:
        if isinstance(index, str):
            chosen.update((each.spec, each) for each in (registry or installed()).select("indices", [index]))
        elif isinstance(index, Index):
            chosen[index.spec] = index
        else:
            raise InputError(f"index is {index!r}; give a name such as 'cka', or an Index object")
    if not chosen:
        raise InputError("no index is given; name one, such as 'cka'")
    for index in chosen.values():
        if index.minibatches is None and index.needs != "moments":
            raise InputError(
                f"{index.spec} needs all rows of a pair at once, and similarities streams over batches; "
                "give indices of moments or of minibatches, or give simbench.similarity the activations"
            )
    return list(chosen.values())


def _names(layers: str | Sequence[str] | None, what: str) -> list[str] | None:
    if layers is None:
        return None
    names = list(dict.fromkeys(split_list(layers) if isinstance(layers, str) else layers))
    if not names:
        raise InputError(f"{what} is empty; name submodules, or give None for all")
    return names
