"""Small grids of an index and a target over pairs of networks, simulated or given."""

from __future__ import annotations

import itertools

import numpy as np

from simbench.statistics.grids import Grid, Variable


def all_pairs(networks: int) -> list[tuple[int, int]]:
    return list(itertools.permutations(range(networks), 2))


def circulant(networks: int, offsets: tuple[int, ...]) -> list[tuple[int, int]]:
    """Every network a front and an end once for each offset."""
    return sorted((a, (a + by) % networks) for a in range(networks) for by in offsets)


def grid(
    pairs: list[tuple[int, int]], indices: list[np.ndarray], targets: list[np.ndarray], halves: np.ndarray | None = None
) -> Grid:
    """indices, targets: arrays (pairs,) or (pairs, layers); halves: (pairs, layers, splits, 2), of every target."""

    def variable(name: tuple[str, str, str], values: np.ndarray, known: np.ndarray | None = None) -> Variable:
        values = values.reshape(len(pairs), -1)
        known = np.full((*values.shape, 0, 2), np.nan) if known is None else known
        return Variable(name, values, np.full(values.shape, "ok", dtype=object), np.full(values.shape, 9), known)

    layers = [f"l{i}" for i in range(indices[0].reshape(len(pairs), -1).shape[1])]
    return Grid(
        ("d", "e", "m", "m"),
        [(f"{a:02}", f"{b:02}") for a, b in pairs],
        layers,
        [variable((f"i{at}", "", "flat"), values) for at, values in enumerate(indices)],
        [variable((f"s{at}", "", "t"), values, halves) for at, values in enumerate(targets)],
        np.full((len(pairs), 2), np.nan),
    )
