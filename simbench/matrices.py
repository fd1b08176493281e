"""`simbench.similarities`: every layer of one network against every layer of another, in one pass over both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import cache, partial
from itertools import product

import pandas as pd
from torch import Tensor, nn

from simbench.contracts import Index
from simbench.errors import InputError, unknown
from simbench.registry import Registry, load
from simbench.selection import split_list
from simbench.streams import MinibatchStream, MomentStream
from simbench.taps import Taps, tapped
from simbench.views import VIEWS

COLUMNS = ["index", "view", "layer_a", "layer_b", "value", "status", "note"]

_installed = cache(load)


def similarities(indices: str | Index | Iterable[str | Index], a: nn.Module, b: nn.Module, batches: Iterable,
                 layers: str | Sequence[str] | None = None, layers_b: str | Sequence[str] | None = None,
                 view: str = "spatial", registry: Registry | None = None) -> pd.DataFrame:
    """Values of indices for every layer of network a with every layer of network b, in one pass over both.

    indices: specs such as "cka,svcca[variance=0.9]" or "all", or Index objects; indices of moments, and of minibatches
        (`cka[estimator=minibatch]`, in view flat or pooled).
    a, b: any torch.nn.Module; a may be b, which then runs once. They are run in eval mode without gradients and left
        as they were; networks with convolutions as copies in channels-last memory, which is faster.
    batches: input tensors (n, ...), or sequences that start with one, as a DataLoader gives (inputs, labels).
    layers, layers_b: names of submodules; None takes all without submodules that run once and give float activations
        (n, p) or (n, c, h, w). layers_b is as `layers` where it is not given.
    view: as for `simbench.similarity`. In view spatial layers of other height and width do not pair; (n, p) counts as
        1 x 1. In view flat only layers of at most 4,096 neurons have moments.

    Returns a row a value: index, view, layer_a, layer_b, value, status ("ok"; "degenerate", which carries no
    information; "skipped", without a value; "failed", of an index that changed what it was handed or returned something
    else than a number in the range it claims) and note, the reason. Moments are accumulated in float64, and bases come
    from them, where `simbench.similarity` decomposes the rows: values agree to about 1e-9 on well conditioned layers.
    A minibatch is a batch as it is given, cut where it is longer than the index allows.
    Raises InputError for layers that are unknown, do not run or run several times, and for NaN or infinity.
    """
    if view not in VIEWS:
        raise unknown("view", view, VIEWS)
    chosen = _chosen(indices, registry)
    streams = [MinibatchStream(index, view) for index in chosen if index.minibatches is not None]
    linear = [index for index in chosen if index.minibatches is None]
    streams += [MomentStream(linear, view)] if linear else []
    names_a = _names(layers, "layers")
    names_b = names_a if layers_b is None else _names(layers_b, "layers_b")
    with ExitStack() as stack:
        side = partial(_side, stack)
        if a is b and (names_a is None) == (names_b is None):
            both = side(a, names_a if names_a is None else [*dict.fromkeys([*names_a, *names_b])], "a")
            layers_of = _read(streams, batches, both, both, names_a, names_b)
        else:
            layers_of = _read(streams, batches, side(a, names_a, "a"), side(b, names_b, "b"), names_a, names_b)
    found = {(index.spec, layer_a, layer_b): value for stream in streams for layer_a in layers_of[0]
             for layer_b in layers_of[1] for index, value in stream.values(layer_a, layer_b)}
    ordered = product([index.spec for index in chosen], *layers_of)
    return pd.DataFrame([(spec, view, layer_a, layer_b, value.value, value.status, value.note)
                         for spec, layer_a, layer_b in ordered for value in [found[spec, layer_a, layer_b]]],
                        columns=COLUMNS)


def _side(stack: ExitStack, net: nn.Module, layers: list[str] | None, name: str) -> Taps:
    return stack.enter_context(tapped(net, layers, name))


def _read(streams: list, batches: Iterable, a: Taps, b: Taps, names_a: list[str] | None,
          names_b: list[str] | None) -> tuple[list[str], list[str]]:
    """Run both networks on all batches and give the streams what they keep; the layers of both sides."""
    def take(side: str, layer: str, output: Tensor) -> list:
        return [stream.take(side, layer, output) for stream in streams]

    layers_of = None
    for x in _inputs(batches):
        left = a(x, partial(take, "a"))
        right = left if a is b else b(x, partial(take, "b"))
        layers_of = names_a or a.layers, names_b or b.layers
        same = a is b and layers_of[0] == layers_of[1]
        for k, stream in enumerate(streams):
            stream.add({layer: left[layer][k] for layer in layers_of[0]},
                       None if same else {layer: right[layer][k] for layer in layers_of[1]})
    if layers_of is None:
        raise InputError("batches is empty; give at least one batch of inputs")
    for stream in streams:
        stream.close()
    return layers_of


def _inputs(batches: Iterable) -> Iterator[Tensor]:
    """The inputs of each batch."""
    if isinstance(batches, Tensor) or not isinstance(batches, Iterable):
        raise InputError(f"batches is a {type(batches).__name__}; give an iterable of batches, such as a DataLoader or "
                         "[images]")
    for batch in batches:
        x = batch[0] if isinstance(batch, (list, tuple)) and len(batch) else batch
        if not isinstance(x, Tensor) or x.ndim == 0 or len(x) == 0:
            what = f"shape {tuple(x.shape)}" if isinstance(x, Tensor) else f"type {type(x).__name__}"
            raise InputError(f"a batch has inputs of {what}; give tensors (n, ...), or (inputs, labels)")
        yield x


def _chosen(indices: str | Index | Iterable[str | Index], registry: Registry | None) -> list[Index]:
    """Configured indices, each once, of moments or minibatches."""
    given = [indices] if isinstance(indices, (str, Index)) else list(indices)
    chosen: dict[str, Index] = {}
    for index in given:
        if isinstance(index, str):
            chosen.update((each.spec, each) for each in (registry or _installed()).select("indices", [index]))
        elif isinstance(index, Index):
            chosen[index.spec] = index
        else:
            raise InputError(f"index is {index!r}; give a name such as 'cka', or an Index object")
    if not chosen:
        raise InputError("no index is given; name one, such as 'cka'")
    for index in chosen.values():
        if index.minibatches is None and index.needs != "moments":
            raise InputError(f"{index.spec} needs all rows of a pair at once, and similarities streams over batches; "
                             "give indices of moments or cka[estimator=minibatch], or simbench.similarity activations")
    return list(chosen.values())


def _names(layers: str | Sequence[str] | None, what: str) -> list[str] | None:
    if layers is None:
        return None
    names = list(dict.fromkeys(split_list(layers) if isinstance(layers, str) else layers))
    if not names:
        raise InputError(f"{what} is empty; name submodules, or give None for all")
    return names
