"""The cells that a correlation is computed from, and why it may be undefined."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from simbench.statistics.cells import MIN_PAIRS, Cells

#: Values whose range is below this share of their size differ by rounding errors.
_ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class Support:
    """The cells of the correlation of one x with one y in one scope. undefined: why there is no value, or ""."""

    cells: Cells
    undefined: str
    notes: tuple[str, ...] = ()


def supports_of(
    xs: ndarray, ys: ndarray, cells: Cells, rows: dict[str, ndarray]
) -> dict[tuple[int, int, str], Support]:
    """For every i, j and scope."""
    parts = {scope: cells.at(at) for scope, at in rows.items()}
    supports = {}
    for i, j in np.ndindex(len(xs), len(ys)):
        for scope, at in rows.items():
            supports[i, j, scope] = Support(parts[scope], _undefined(xs[i, at], ys[j, at], parts[scope]))
        layers = [scope for scope in rows if scope != "pooled"]
        defined = [layer for layer in layers if not supports[i, j, layer].undefined]
        at = np.sort(np.concatenate([rows[layer] for layer in defined or layers]))
        supports[i, j, "within"] = Support(
            cells.at(at) if len(at) < cells.n else cells,
            "" if defined else "undefined in every layer",
            (f"mean of {len(defined)} of {len(layers)} layers",) if 0 < len(defined) < len(layers) else (),
        )
    return supports


def _undefined(x: ndarray, y: ndarray, cells: Cells) -> str:
    """Why x and y have no correlation, or ""."""
    if not cells.n:
        return "undefined: no cells"
    if cells.pairs < MIN_PAIRS:
        return f"undefined: {cells.pairs} pairs of networks, {MIN_PAIRS} are needed"
    constant = [name for name, v in (("index", x), ("target", y)) if np.ptp(v) <= _ROUNDING * np.abs(v).max()]
    return f"undefined: {' and '.join(constant)} constant" if constant else ""
