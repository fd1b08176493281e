"""Where an index and a target disagree most: cells whose ranks within their layer differ most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from simbench.statistics.ranks import ranks

#: Pairs of networks in a layer from which ranks within it say something; below, cells are ranked over all layers.
FEWEST = 3


@dataclass(frozen=True)
class Disagreement:
    """cell: position among the cells. index, target: ranks from 1 for the smallest value, where ties share their
    mean rank, among the `of` cells of the layer that both know, or of all layers where each has few."""

    cell: int
    index: float
    target: float
    of: int


def disagreements(xs: ndarray, ys: ndarray, layers: Sequence[str], most: int = 10) -> list[Disagreement]:
    """The `most` cells whose ranks differ most, as a share of their layer; the largest first.

    xs, ys: (n,) values of an index and of a target, each oriented so that larger is more similar; NaN where there is
    none. layers: (n,) layer of each cell. Layers in which one side is constant tell nothing and are left out, as are
    cells of equal ranks. Where no layer has `FEWEST` cells, as in a sweep over pairs of layers, all count as one layer.
    """
    known, layers, found = np.isfinite(xs) & np.isfinite(ys), np.asarray(layers), []
    if pooled(layers):
        layers = np.full(len(layers), "")
    for layer in dict.fromkeys(layers[known]):
        cells = np.flatnonzero(known & (layers == layer))
        if np.ptp(xs[cells]) == 0 or np.ptp(ys[cells]) == 0:
            continue
        both = ranks(xs[cells]), ranks(ys[cells])
        found += [
            Disagreement(int(cell), float(x), float(y), len(cells)) for cell, x, y in zip(cells, *both, strict=True)
        ]
    found = [each for each in found if each.index != each.target]
    return sorted(found, key=lambda each: (-abs(each.index - each.target) / each.of, each.cell))[:most]


def pooled(layers: Sequence[str]) -> bool:
    """Whether no layer has enough cells for ranks of its own."""
    return Counter(layers).most_common(1)[0][1] < FEWEST if len(layers) else False
