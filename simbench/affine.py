"""The stitching layer: one affine map on channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simbench.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Affine:
    """x -> x W + bias on rows; on maps (n, c, h, w) the same at every pixel (a 1x1 convolution).

    weight: (p, q), rows of a times weight, as in the paper's `A M` (section 4.2).
    bias: (q,), or None for a linear map.
    Several maps share one Affine with leading dimensions: weight (k, p, q), bias (k, q).
    """

    weight: Tensor
    bias: Tensor | None = None

    def __post_init__(self) -> None:
        w, b = self.weight, self.bias
        if w.ndim < 2 or (b is not None and b.shape != w.shape[:-2] + w.shape[-1:]):
            raise InputError(f"an affine map has weight (..., p, q) and bias (..., q) or None; given "
                             f"{tuple(w.shape)} and {None if b is None else tuple(b.shape)}")

    @classmethod
    def identity(cls, p: int, q: int | None = None, bias: bool = False, **like) -> Affine:
        """Ones on the diagonal, zeros elsewhere; `like` is passed to torch (dtype, device)."""
        import torch

        q = p if q is None else q
        return cls(torch.eye(p, q, **like), torch.zeros(q, **like) if bias else None)

    def to(self, *where) -> Affine:
        """The same map on another device or in another dtype (arguments of `Tensor.to`)."""
        return Affine(self.weight.to(*where), None if self.bias is None else self.bias.to(*where))

    def __call__(self, x: Tensor) -> Tensor:
        """Rows (n, p) -> (n, q), or maps (n, p, h, w) -> (n, q, h, w)."""
        from torch.nn import functional

        if x.ndim == 2:
            return functional.linear(x, self.weight.mT, self.bias)
        return functional.conv2d(x, self.weight.mT[:, :, None, None], self.bias)

    def each(self, x: Tensor) -> Tensor:
        """What each of k maps makes of the same maps (n, p, h, w) or rows (n, p): (k, n, q, h, w) or (k, n, q)."""
        import torch

        biases = [None] * len(self.weight) if self.bias is None else self.bias
        moved = [Affine(weight, bias)(x) for weight, bias in zip(self.weight, biases, strict=True)]
        return moved[0][None] if len(moved) == 1 else torch.stack(moved)  # one is not copied
