"""Moments: the statistics that linear indices and stitchers are computed from, affine maps, and views of activations.

The names below are public; each is imported on first use, so that views and layouts can be used without torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simbench.moments.affine import Affine
    from simbench.moments.basis import Basis
    from simbench.moments.coordinates import principal_coordinates, rounding_only
    from simbench.moments.layers import LayerMoments
    from simbench.moments.pair import Moments
    from simbench.moments.precision import FLOAT32, exponents, measured, rescaled, widened
    from simbench.moments.scatter import Scatter
    from simbench.moments.views import LAYOUTS, VIEWS, channels_first, layout_of, rows

__all__ = [
    "FLOAT32",
    "LAYOUTS",
    "VIEWS",
    "Affine",
    "Basis",
    "LayerMoments",
    "Moments",
    "Scatter",
    "channels_first",
    "exponents",
    "layout_of",
    "measured",
    "principal_coordinates",
    "rescaled",
    "rounding_only",
    "rows",
    "widened",
]

_WHERE = {
    "affine": ("Affine",),
    "basis": ("Basis",),
    "coordinates": ("principal_coordinates", "rounding_only"),
    "layers": ("LayerMoments",),
    "pair": ("Moments",),
    "precision": ("FLOAT32", "exponents", "measured", "rescaled", "widened"),
    "scatter": ("Scatter",),
    "views": ("LAYOUTS", "VIEWS", "channels_first", "layout_of", "rows"),
}


def __getattr__(name: str) -> Any:
    for module, names in _WHERE.items():
        if name in names:
            value = getattr(importlib.import_module(f"simbench.moments.{module}"), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module 'simbench.moments' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
