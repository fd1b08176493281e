"""Layout: what the axes of the activations of one layer mean, and their canonical form, (n, c, h, w) or (n, c)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

from simbench.errors import InputError
from simbench.moments.views import LAYOUTS, channels_first

if TYPE_CHECKING:
    from torch import Tensor

Kind = Literal["image", "image_last", "tokens", "sequence", "signal", "vector"]
#: Kind -> the axes of the activations, as in `views.LAYOUTS`.
AXES = {"image": "nchw", "image_last": "nhwc", "tokens": "ntc", "sequence": "ntc"}
AXES |= {"signal": "nct", "vector": "nc"}
_TOKENS = re.compile(r"tokens(?:\[(?:prefix=(\d+))?,?(?:grid=(\d+)x(\d+))?\])?")


@dataclass(frozen=True)
class Layout:
    """What the axes of a layer's activations mean.

    kind: "image" (n, c, h, w), "image_last" (n, h, w, c), "tokens" (n, t, c) of places in an image, "sequence"
    (n, t, c) of places in a text or a signal, "signal" (n, c, t), or "vector" (n, c).
    prefix: of tokens, the number of class and register tokens, which come first.
    grid: of tokens, the height and width of what the other tokens are the places of, row by row; None if not known.

    >>> Layout.parse("tokens[prefix=1,grid=4x4]")
    Layout(kind='tokens', prefix=1, grid=(4, 4))
    >>> print(Layout("tokens", 1, (4, 4)))
    tokens[prefix=1,grid=4x4]
    """

    kind: Kind
    prefix: int = 0
    grid: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.kind not in AXES:
            raise InputError(f"kind of layout is {self.kind!r}; allowed: {', '.join(AXES)}")
        if self.kind != "tokens" and (self.prefix or self.grid):
            raise InputError(f"layout {self.kind!r} has no prefix and no grid; those are for 'tokens'")
        if self.prefix < 0 or (self.grid is not None and min(self.grid) < 1):
            raise InputError(f"layout {self} has a negative prefix or an empty grid; give counts of tokens")

    @classmethod
    def parse(cls, text: str) -> Layout:
        """A layout from its text, such as `tokens[prefix=1,grid=14x14]`, or from its axes, such as `nhwc`."""
        match = _TOKENS.fullmatch(text)
        if match:
            prefix, height, width = match.groups()
            return cls("tokens", int(prefix or 0), None if height is None else (int(height), int(width)))
        kinds = {"nchw": "image", "nhwc": "image_last", "ntc": "tokens", "nct": "signal", "nc": "vector"}
        kinds |= {kind: kind for kind in AXES}
        if text not in kinds:
            raise InputError(f"layout {text!r} is unknown; allowed: {', '.join(kinds)}, tokens[prefix=K,grid=HxW]")
        return cls(cast("Kind", kinds[text]))

    def __str__(self) -> str:
        parts = [f"prefix={self.prefix}"] * bool(self.prefix)
        parts += [] if self.grid is None else [f"grid={self.grid[0]}x{self.grid[1]}"]
        return self.kind + (f"[{','.join(parts)}]" if parts else "")

    def canonical(self, x: Tensor) -> Tensor:
        """Activations as (n, c, h, w), or (n, c) of a vector; tokens are laid out as their grid, without the prefix,
        and as t x 1 where the grid is not known. InputError where x does not have this layout."""
        axes = AXES[self.kind]
        if x.ndim != len(axes):
            raise InputError(f"activations have shape {tuple(x.shape)} and layout {self} is {LAYOUTS[axes]}")
        if self.kind != "tokens":
            return channels_first(x, axes)
        places = x[:, self.prefix :]
        height, width = self.grid or (places.shape[1], 1)
        if height * width != places.shape[1] or not places.shape[1]:
            raise InputError(
                f"activations have shape {tuple(x.shape)}, and layout {self} has {self.prefix} + {height} x {width} "
                "tokens; give the layout of this layer"
            )
        return places.mT.reshape(len(x), -1, height, width)

    def leading(self, x: Tensor) -> Tensor | None:
        """The class and register tokens of activations x, as (n, k, c); None where there are none."""
        return x[:, : self.prefix] if self.prefix else None

    def raw(self, x: Tensor, leading: Tensor | None = None) -> Tensor:
        """Canonical activations (n, c, h, w) or (n, c) in this layout again.

        leading: (n, k, c) or (k, c), the class and register tokens; needed where the layout has a prefix.
        """
        import torch

        if self.kind in ("image", "vector"):
            return x
        if self.kind == "image_last":
            return x.permute(0, 2, 3, 1)
        if self.kind == "signal":
            return x[..., 0]
        tokens = x.flatten(2).mT
        if not self.prefix:
            return tokens
        if leading is None or leading.shape[-2:] != (self.prefix, x.shape[1]):
            given = None if leading is None else tuple(leading.shape)
            raise InputError(
                f"layout {self} needs {self.prefix} leading tokens of {x.shape[1]} channels; given {given}"
            )
        return torch.cat([leading.to(tokens).expand(len(x), -1, -1), tokens], 1)

    @property
    def axes(self) -> int:
        """The number of axes of a batch of activations."""
        return len(AXES[self.kind])

    @property
    def vector(self) -> bool:
        """Whether the activations have channels alone."""
        return self.kind == "vector"
