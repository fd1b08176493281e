"""What a reader must know about a correlation: what was left out of it, and whether its target varies at all."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy import ndarray

from simbench.statistics.blocks import MIN_COVERAGE
from simbench.statistics.cells import MIN_PAIRS
from simbench.statistics.conditions import MEANS
from simbench.statistics.grids import Variable

#: Begins the note on a target that hardly varies: by less than MIN_SPREAD (standard deviation), or in at least
#: MOST of the cells of relative_accuracy above HIGH.
SATURATED = "target saturated"
MIN_SPREAD, HIGH, MOST = 0.02, 0.99, 0.9


def notes_on(x: Variable, y: Variable, mask: ndarray, scope: str, inside: ndarray) -> list[str]:
    """What was left out of x and y in a scope, and whether y is saturated there."""
    asked = inside & (y.status != "")
    own, used = (x.ok & y.ok & inside).sum(), (mask & inside).sum()
    notes = [_left_out("index", x.status[asked]), _left_out("target", y.status[asked])]
    if 0 < (x.ok & y.ok).sum() < MIN_COVERAGE * y.ok.sum():
        notes.append("index covers under half of the target: on its own cells, not on those common to the others")
    elif used < own and scope not in MEANS:
        notes.append(f"on {used} of its {own} cells, those common to the indices")
    notes += [_mixed("index", x.images[mask & inside]), _mixed("target", y.images[mask & inside])]
    return [note for note in (*notes, _saturation(y, scope, inside)) if note]


def _mixed(side: str, images: ndarray) -> str:
    return f"{side}: measured on {images.min()} to {images.max()} images" if len(np.unique(images)) > 1 else ""


def _left_out(side: str, status: ndarray) -> str:
    counts = Counter(state or "not measured" for state in status if state != "ok")
    if not counts:
        return ""
    return f"{side}: " + ", ".join(f"{counts[state]} {state}" for state in sorted(counts)) + f" of {len(status)} cells"


def _saturation(y: Variable, scope: str, inside: ndarray) -> str:
    ok = y.ok & inside
    if ok.sum() < MIN_PAIRS:
        return ""
    high = (y.values[ok] > HIGH).mean()
    if y.name[2] == "relative_accuracy" and high >= MOST:
        return f"{SATURATED}: {high:.0%} of the cells above {HIGH}"
    values = np.where(ok, y.values, 0)
    count = ok.sum(axis=0, keepdims=True) if scope in MEANS else ok.sum()
    mean = values.sum(axis=0 if scope in MEANS else None) / np.maximum(count, 1)
    spread = float(np.sqrt(np.square(values - mean)[ok].mean()))
    where = " within layers" if scope in MEANS else ""
    return f"{SATURATED}: standard deviation {spread:.4f}{where}" if spread < MIN_SPREAD else ""
