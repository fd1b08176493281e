"""Alignment: how the activations of one layer are brought to the height and width of another, before a stitch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simbench.errors import Inapplicable, InputError, unknown

if TYPE_CHECKING:
    from torch import Tensor

#: `resize=`: how maps of unlike height and width are brought together; "" does not.
RESIZES = {
    "": "layers of unlike height and width do not pair",
    "bilinear": "bilinear interpolation with antialiasing",
    "nearest": "the nearest pixel",
    "area": "means over areas",
}


@dataclass(frozen=True)
class Alignment:
    """Brings activations (n, c, h, w) or (n, c) to the height and width of another layer.

    source, target: (h, w), or () of vectors. resize: one of `RESIZES`.
    An alignment of equal sizes leaves activations as they are. InputError for an unknown `resize`, Inapplicable where
    the sizes do not come together.

    >>> Alignment((8, 8), (4, 4), "bilinear").said
    'resized from 8 x 8 to 4 x 4, bilinear'
    """

    source: tuple[int, ...]
    target: tuple[int, ...]
    resize: str = "bilinear"

    def __post_init__(self) -> None:
        if self.resize not in RESIZES:
            raise unknown("resize", self.resize, filter(None, RESIZES), "'' leaves sizes as they are")
        if any(len(size) not in (0, 2) for size in (self.source, self.target)):
            raise InputError(f"sizes are {self.source} and {self.target}; give (height, width), or () of a vector")
        if self.acts and not self.resize:
            raise Inapplicable(f"a is {_text(self.source)} and b is {_text(self.target)}: give resize='bilinear'")
        if self.target and not self.source:
            raise Inapplicable(
                f"a is a vector and b is {_text(self.target)}: a vector has no places; view 'pooled' compares them"
            )

    @property
    def acts(self) -> bool:
        """Whether activations are changed."""
        return self.source != self.target

    @property
    def enlarges(self) -> bool:
        """Whether activations are given more pixels."""
        return bool(self.target) and math.prod(self.target) > math.prod(self.source)

    def __call__(self, x: Tensor) -> Tensor:
        """Activations (n, c, *source) as (n, c, *target), in their type."""
        from torch.nn import functional

        if tuple(x.shape[2:]) != self.source:
            raise InputError(f"activations have shape {tuple(x.shape)}; this alignment takes {_text(self.source)}")
        if not self.acts:
            return x
        if not self.target:
            return x.mean((2, 3))
        if self.resize == "bilinear" and self.target[1] == 1:  # torch 2.14 may read one row alone where w is 1
            return functional.interpolate(x.mT, self.target[::-1], mode="bilinear", antialias=True).mT
        if self.resize == "bilinear":
            return functional.interpolate(x, self.target, mode="bilinear", antialias=True)
        return functional.interpolate(x, self.target, mode=self.resize)

    @property
    def said(self) -> str:
        """What is done, for notes; "" where nothing is."""
        if not self.acts:
            return ""
        if not self.target:
            return f"means of {_text(self.source)} places"
        return f"resized from {_text(self.source)} to {_text(self.target)}, {self.resize}"


def _text(size: tuple[int, ...]) -> str:
    return " x ".join(map(str, size)) or "a vector"
