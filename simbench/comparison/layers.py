"""`simbench.similarities`: every layer of one network compared with every layer of another."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from itertools import product

import pandas as pd
from torch import nn

from simbench.comparison.arrays import installed
from simbench.comparison.leaving import check_names, names_of, said
from simbench.comparison.minibatches import MinibatchStream
from simbench.comparison.reading import Reading, Side
from simbench.comparison.samples import SampleStream
from simbench.comparison.streams import MomentStream
from simbench.contracts import Index
from simbench.errors import InputError, unknown
from simbench.grammar import memory as bytes_of
from simbench.grammar import split_list
from simbench.measuring.value import MEASURED
from simbench.moments.views import ALL_VIEWS
from simbench.registry import Registry
from simbench.system.batches import shown
from simbench.tracing.inputs import Choose, Inputs
from simbench.tracing.layouts import Layouts
from simbench.tracing.tapped import tapped
from simbench.tracing.twins import seen_through

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
    progress: bool | Callable[[str], None] | None = None,
) -> pd.DataFrame:
    """Values of indices for every layer of network a with every layer of network b, in one pass over the batches, or
    in as few as fit in memory.

    indices: specs such as "cka,svcca[variance=0.9]" or "all", or Index objects. Those of minibatches
        (`Index.minibatches`, such as `cka[estimator=minibatch]`) take view flat or pooled. Those that need samples are
        computed on at most `Index.max_rows` rows, drawn with a seed, the same for all layers that pair. "all" and other
        patterns leave out indices of cases.
    a, b: any torch.nn.Module. Copies of them run in eval mode without gradients (networks with convolutions in
        channels-last memory, which is faster). If a is b, it runs once.
    batches: input tensors (n, ...), sequences that start with one, such as the (inputs, labels) of a DataLoader, or
        dicts of keyword arguments. Each network receives its own copy. `inputs` is required for sequences if the
        `forward` of a network may take several positional arguments.
    layers, layers_b: names of submodules, or patterns such as "layer*". None stands for all submodules that have no
        submodules themselves. A layer runs once and returns float activations (n, p), (n, c, h, w), (n, c, d, h, w)
        or, for tokens, (n, t, c); of a tuple or a ModelOutput, its one tensor of these. What None or a pattern names
        and cannot be read is left out: a line on stderr says so. layers_b is `layers` by default.
    view: as for `simbench.similarity`. In view spatial, layers of different height or width do not pair; (n, p) counts
        as 1 x 1, t tokens as t x 1. In view flat, only layers of at most 4,096 neurons have moments. View "tokens":
        rows are pixels and tokens without class and register tokens; those of an image pair with the pixels of a map
        of the same height and width. View "cls": the first class token. Tokens that an `attention_mask` among the
        arguments marks as padding are left out of views spatial, tokens and pooled.
    inputs: a function of a batch that returns the arguments of a network: a tensor, a tuple of arguments or a dict of
        keyword arguments; or a pair of functions, for a and for b.
    layouts: the meaning of the axes of outputs ("nchw", "nhwc", "ntc", "nct", "ncdhw", "ndhwc", or
        "tokens[prefix=1,grid=14x14]"), for all layers or as a dict of names or patterns of layers; or a pair of these,
        for a and for b. By default it is derived from the operations of the first pass. A layer whose layout cannot be
        derived is skipped, or refused if it is in `layers`.
    memory: limit for sums, rows, states and decompositions, beside the networks and their own activations. Pairs that
        do not fit are left to further passes over batches, which must then be an iterable that can be read again.
    progress: whether a pass of more than two seconds says on stderr how many batches are done; by default if that is a
        terminal. Or a function that is called with each line.

    Returns one row per value: index, view, layer_a, layer_b, value, status ("ok"; "degenerate": without information,
    or without a value; "skipped" and "failed": without a value) and note, the reason. `simbench.measuring.value` has
    the policy. `attrs["left_out"]`: side -> layer that was left out -> reason.

    Moments are accumulated in float64, and bases are computed from them, whereas `simbench.similarity` decomposes the
    rows: values agree to about 1e-9 on well conditioned layers. Layers with at least as many neurons as there are rows
    are kept as rows and decomposed in the same way. A value is the same to the last bit for any selection of other
    layers and any number of passes, but for an index whose comparison is an inner product (`Index.inner`), where all
    pairs are one matrix product: there it is the same up to rounding. A minibatch is a batch, split if it is longer
    than the index allows.

    Which rows are drawn depends on their number alone, and not on the size of batches: the value of an index that needs
    samples is that of `simbench.similarity` on these rows. Each layer is prepared once by an index of states, and again
    only where states do not fit in memory.

    Raises InputError for layers that are unknown, do not run or run several times, for NaN or infinity, and for pairs
    that do not fit in memory.
    """
    if view not in ALL_VIEWS:
        raise unknown("view", view, ALL_VIEWS)
    rows_as = {"tokens": "spatial", "cls": "pooled"}.get(view, view)  # of what is taken of each output
    room = bytes_of(memory, "memory")
    room -= room // 8  # for the copies that indices receive, and for memory that the allocator releases late
    chosen = _chosen(indices, registry)
    streams = [MinibatchStream(index, rows_as) for index in chosen if index.minibatches is not None]
    # That of samples comes last: its states then have the memory of the others.
    for kind, needs in ((MomentStream, "moments"), (SampleStream, "samples")):
        same = [index for index in chosen if index.minibatches is None and index.needs == needs]
        streams += [kind(same, rows_as)] if same else []
    names_a = names_of(layers, "layers")
    names_b = names_a if layers_b is None else names_of(layers_b, "layers_b")
    choose, given_layouts = _pair(inputs), [Layouts.parse(each) for each in _pair(layouts)]
    with ExitStack() as stack:

        def side(net: nn.Module, names: list[str] | None, name: str, k: int) -> Side:
            taps = stack.enter_context(tapped(net, names, name, given_layouts[k], view))
            return Side(name, taps, Inputs(net, choose[k], name))

        same = a is b and choose[0] is choose[1] and given_layouts[0] == given_layouts[1]
        if same and (names_a is None) == (names_b is None):
            both = side(a, names_a if names_a is None else [*dict.fromkeys([*names_a, *names_b])], "a", 0)
            sides = (both, both)
        else:
            sides = (side(a, names_a, "a", 0), side(b, names_b, "b", 1))
        check_names(given_layouts, seen_through(a), seen_through(b))
        reading = Reading(streams, sides, (names_a, names_b), room, masked=view in ("tokens", "spatial"))
        with shown(progress):
            values = reading.values(batches)
        left_out = {one.name: dict(one.taps.left_out) for one in dict.fromkeys(sides)}
    for name, reasons in left_out.items():
        if reasons:
            print(said(name, reasons), file=sys.stderr)
    ordered = product([index.spec for index in chosen], *reading.layers)
    table = pd.DataFrame(
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
            for value in [values[spec, layer_a, layer_b]]
        ],
        columns=COLUMNS,
    )
    table.attrs["left_out"] = left_out
    return table


def _pair(given) -> tuple:
    """An option for a and for b, given as a pair or once for both."""
    return tuple(given) if isinstance(given, (tuple, list)) and len(given) == 2 else (given, given)


def _chosen(indices: str | Index | Iterable[str | Index], registry: Registry | None) -> list[Index]:
    """Configured indices, each once."""
    given = [indices] if isinstance(indices, (str, Index)) else list(indices)
    chosen: dict[str, Index] = {}
    for index in given:
        if isinstance(index, str):
            chosen.update((each.spec, each) for part in split_list(index) for each in _of_rows(part, registry))
        elif isinstance(index, Index):
            chosen[index.spec] = index
        else:
            raise InputError(f"index is {index!r}; give a name such as 'cka', or an Index object")
    if not chosen:
        raise InputError("no index is given; name one, such as 'cka'")
    for index in chosen.values():
        if index.needs == "case":
            raise InputError(f"{index.spec} is computed from networks and layers, not from rows; {MEASURED}")
    return list(chosen.values())


def _of_rows(spec: str, registry: Registry | None) -> list[Index]:
    """The indices that a spec or a pattern names, without those of cases where it names others, too."""
    named: list[Index] = list((registry or installed()).select("indices", [spec]))
    return [index for index in named if index.needs != "case"] or named
