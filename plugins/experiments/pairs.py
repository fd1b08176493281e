"""Pairs of networks that an experiment stitches, what it asks of each, and the settings its figure keeps apart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from simbench_plugins.experiments import curves

from simbench import InputError
from simbench.grammar import parse

if TYPE_CHECKING:
    import pandas

    from simbench.contracts.selection import Network, Selection


def stitched(selection: Selection, most: int, who: str) -> Iterator[tuple[str, Network, Network]]:
    """Layers, and at each the first `most` ordered pairs of the networks that were asked for it.

    Networks in a ring, by the numbers of their seeds or else by name, in whatever order they were typed: each into
    the next one, then each into the next but one, and so on, so that few pairs share few networks. Raises InputError
    when there is no pair at all.
    """
    found = False
    for layer in dict.fromkeys(layer for chosen in selection.layers.values() for layer in chosen):
        having = [network for network in selection.ordered if layer in selection.layers[network.model.spec]]
        ring = [(a, having[(i + shift) % len(having)]) for shift in range(1, len(having)) for i, a in enumerate(having)]
        for a, b in ring[:most]:
            found = True
            yield layer, a, b
    if not found:
        raise InputError(
            f"{who} stitches pairs of networks at a layer of both; given {len(selection.networks)} "
            "network(s), no two with a layer in common; ask for more with --seeds"
        )


def listed(text: str, kind: type[int] | type[float], what: str) -> tuple:
    """The numbers between the plus signs of a parameter, all above 0, each once. Raises InputError for others."""
    try:
        found = tuple(kind(word) for word in text.split("+"))
    except ValueError:
        found = ()
    if not found or not all(0 < number < float("inf") for number in found) or len(set(found)) < len(found):
        example = {int: "4+8+16", float: "1e-3+0.01+0.1"}[kind]
        raise InputError(
            f"{what} is {text!r}; allowed: different {'whole ' if kind is int else ''}numbers above 0 "
            f"with plus signs between them, such as {example}"
        )
    return found


def parameter(rows: pandas.DataFrame, name: str) -> list[float]:
    """A number among the parameters of each row's method, NaN where it has none of that name."""
    return [
        float(parse(f"{method}[{params}]")[1].get(name, "nan")) if params else float("nan")
        for method, params in zip(rows["method"], rows["params"], strict=True)
    ]


def settings(rows: pandas.DataFrame) -> Iterator[tuple[str, pandas.DataFrame]]:
    """The rows of each data set, pair of models, sample and layer, in order of depth, and a title for them."""
    drawn = rows[["dataset", "samples", "seed"]].drop_duplicates().shape[0] > rows["dataset"].nunique()
    for (dataset, a, b, samples, seed), some in rows.groupby(curves.APART, sort=True):
        images = f", {samples:.0f} images, seed {seed:.0f}" if drawn else ""
        for layer in curves.in_depth(some["layer_a"], a, {}):
            part = some[some["layer_a"] == layer]
            count = part[["seed_a", "seed_b"]].drop_duplicates().shape[0]
            yield (
                (
                    f"{layer} of {curves.models(a, b)}, {dataset}{images}\n{count} pair{'s' if count > 1 else ''} of "
                    "networks"
                ),
                part,
            )
