"""Layouts: a user's declaration of the axes of a network's layers."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from torch import Tensor

from simbench.errors import InputError, unknown
from simbench.moments.views import LAYOUTS


@dataclass(frozen=True)
class Layouts:
    """One layout for all layers, or name or pattern (`blocks.*.norm1`) -> layout, where the first match applies.

    A layout for all layers applies to the outputs that have as many axes as the layout.
    """

    every: str | None = None
    named: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, given: str | Mapping[str, str] | None) -> Layouts:
        """Layouts from the `layouts` argument of a user. Raises InputError for anything but layouts."""
        if given is None:
            return cls()
        if not isinstance(given, (str, Mapping)):
            raise InputError(
                f"layouts is a {type(given).__name__}; give a layout such as 'nhwc', a dict of layer -> "
                "layout, or a pair of them, for a and for b"
            )
        for layout in [given] if isinstance(given, str) else given.values():
            if layout not in LAYOUTS:
                raise unknown("layout", str(layout), LAYOUTS)
        return cls(every=given) if isinstance(given, str) else cls(named=dict(given))

    def unmatched(self, modules: Iterable[str]) -> list[str]:
        """The patterns that match no module."""
        modules = list(modules)
        return [name for name in self.named if name not in modules and not fnmatch.filter(modules, name)]

    def of(self, name: str, x: Tensor) -> str | None:
        """The declared layout of a layer with output x, or None."""
        for pattern, layout in self.named.items():
            if pattern == name or fnmatch.fnmatchcase(name, pattern):
                return layout
        return self.every if self.every and len(self.every) == x.ndim else None
