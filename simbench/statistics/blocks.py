"""Which cells the correlation of an index with a target is computed on, in each layer and over all of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from simbench.statistics.cells import Cells
from simbench.statistics.grids import Grid, Variable

#: An index that covers less of a target than this does not shrink the cells of the others.
MIN_COVERAGE = 0.5


@dataclass(frozen=True, eq=False)
class Block:
    """Indices and targets that share their cells in one scope, and are computed together.

    scope: "pooled" or a layer's name. pairs: (k, 2) places of an index and a target in the grid's lists.
    mask: (pairs, layers) their cells.
    """

    scope: str
    pairs: ndarray
    mask: ndarray

    @property
    def indices(self) -> list[int]:
        return sorted(set(self.pairs[:, 0].tolist()))

    @property
    def targets(self) -> list[int]:
        return sorted(set(self.pairs[:, 1].tolist()))


def blocks(grid: Grid) -> list[Block]:
    """Blocks of every layer and of all layers together. Every index and target is in one block of each scope.

    In each scope the cells are those common to all indices that cover enough of the target there; an index that does
    not is on its own.
    """
    found = []
    for scope, inside in scopes(grid).items():
        groups: dict[bytes, list[tuple[int, int]]] = {}
        for j, y in enumerate(grid.targets):
            for i, mask in enumerate(masks(grid, y, inside)):
                groups.setdefault(mask.tobytes(), []).append((i, j))
        shape = inside.shape
        found += [
            Block(scope, np.array(pairs), np.frombuffer(key, dtype=bool).reshape(shape))
            for key, pairs in groups.items()
        ]
    return found


def scopes(grid: Grid) -> dict[str, ndarray]:
    """ "pooled" and the name of each layer -> its cells, a mask (pairs, layers)."""
    everything = np.ones((len(grid.pairs), len(grid.layers)), dtype=bool)
    columns = np.eye(len(grid.layers), dtype=bool)
    return {"pooled": everything} | {layer: everything & columns[i] for i, layer in enumerate(grid.layers)}


def masks(grid: Grid, y: Variable, inside: ndarray) -> list[ndarray]:
    """For each index its cells with y in a scope. A control takes no cells from the others."""
    own = [x.ok & y.ok & inside for x in grid.indices]
    least = MIN_COVERAGE * max((y.ok & inside).sum(), 1)
    enough = [mask.sum() >= least for mask in own]
    shared = [mask for mask, some, x in zip(own, enough, grid.indices, strict=True) if some and not x.control]
    common = np.logical_and.reduce([y.ok & inside, *shared])
    return [common & mask if some else mask for mask, some in zip(own, enough, strict=True)]


def cells(grid: Grid, mask: ndarray) -> Cells:
    """The cells of a mask, with the networks of the whole grid as codes."""
    pair, layer = np.nonzero(mask)
    a, b = (np.array(seeds)[pair] for seeds in zip(*grid.pairs, strict=True))
    names_a, names_b = names(grid)
    sizes = len(names_a), len(names_b)
    return Cells(np.searchsorted(names_a, a), np.searchsorted(names_b, b), layer, grid.shared, sizes)


def names(grid: Grid) -> tuple[ndarray, ndarray]:
    """Names of the networks on either side, ascending; of one model, all of them on both."""
    a, b = (np.array(seeds) for seeds in zip(*grid.pairs, strict=True))
    return (np.union1d(a, b),) * 2 if grid.shared else (np.unique(a), np.unique(b))
