"""Layouts: a user's declaration of the axes of a network's layers."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from torch import Tensor

from simbench.errors import InputError, unknown
from simbench.moments.layout import AXES, Layout
from simbench.moments.views import LAYOUTS
from simbench.tracing.tokens import Seen


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
            if layout not in LAYOUTS and not str(layout).startswith("tokens"):
                raise unknown("layout", str(layout), [*LAYOUTS, "tokens[prefix=1,grid=14x14]"])
            _seen(str(layout))
        return cls(every=given) if isinstance(given, str) else cls(named=dict(given))

    def unmatched(self, modules: Iterable[str]) -> list[str]:
        """The patterns that match no module."""
        modules = list(modules)
        return [name for name in self.named if name not in modules and not fnmatch.filter(modules, name)]

    def of(self, name: str, x: Tensor) -> Seen | None:
        """The declared layout of a layer with output x, or None."""
        for pattern, layout in self.named.items():
            if pattern == name or fnmatch.fnmatchcase(name, pattern):
                return _seen(layout)
        every = _seen(self.every) if self.every else None
        return every if every and len(every.axes) == x.ndim else None


def _seen(text: str) -> Seen:
    """What a declared layout says of an output: only `tokens[...]` says which tokens are class tokens."""
    if text in LAYOUTS:
        return Seen(text)
    layout = Layout.parse(text)
    return Seen(AXES[layout.kind], layout.prefix, layout.grid or ())
