"""The cut: any network as representation map R_L and task map T_L (paper, section 3.1).

The names below are public; each is imported on first use, so that `import simbench.cutting` imports no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simbench.cutting.cuts import cut, front
    from simbench.cutting.cutter import Cutter
    from simbench.cutting.defaults import default_layers
    from simbench.cutting.engines import ENGINES, Cut
    from simbench.cutting.surveys import Layer, survey, surveyed

__all__ = ["ENGINES", "Cut", "Cutter", "Layer", "cut", "default_layers", "front", "survey", "surveyed"]

_WHERE = {
    "cuts": ("cut", "front"),
    "cutter": ("Cutter",),
    "defaults": ("default_layers",),
    "engines": ("ENGINES", "Cut"),
    "surveys": ("Layer", "survey", "surveyed"),
}


def __getattr__(name: str) -> Any:
    for module, names in _WHERE.items():
        if name in names:
            value = getattr(importlib.import_module(f"simbench.cutting.{module}"), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module 'simbench.cutting' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
