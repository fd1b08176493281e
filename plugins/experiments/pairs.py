"""Pairs of networks that an experiment stitches, and the settings that its figure shows separately."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from simbench_plugins.experiments import curves

from simbench import InputError
from simbench.grammar import parse

if TYPE_CHECKING:
    import pandas

    from simbench import Pair, Selection


def first_pairs(selection: Selection, most: int, who: str) -> list[Pair]:
    """`selection.pairs(most)`. Raises InputError, in the name of `who`, if there is no pair."""
    pairs = list(selection.pairs(most))
    if not pairs:
        raise InputError(
            f"{who} stitches pairs of networks at a layer of both; given {len(selection.networks)} "
            "network(s), no two with a layer in common; ask for more with --seeds"
        )
    return pairs


def parameter(rows: pandas.DataFrame, name: str) -> list[float]:
    """The value of a numeric parameter of each row's method, NaN if it has no parameter of that name."""
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
            networks = f"{count} pair{'s' if count > 1 else ''} of networks"
            yield f"{layer} of {curves.models(a, b)}, {dataset}{images}\n{networks}", part
