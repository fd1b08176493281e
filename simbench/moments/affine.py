"""The stitching layer: an affine map on channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simbench.errors import InputError
from simbench.moments.views import LAYOUTS, layout_of

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Affine:
    """x -> x W + bias on rows (n, p); on activations (n, c, h, w) it is applied at every pixel (a 1x1 convolution).

    weight: (p, q), rows of a times weight, as in the paper's `A M` (section 4.2).
    bias: (q,), or None for a linear map.
    An Affine can hold k maps in a leading dimension: weight (k, p, q), bias (k, q).

    >>> import torch
    >>> affine = Affine(torch.tensor([[1.0, 0.0], [2.0, 3.0]]), torch.tensor([0.0, 1.0]))
    >>> affine(torch.tensor([[1.0, 1.0]])).tolist()
    [[3.0, 4.0]]
    >>> affine(torch.ones(5, 2, 8, 8)).shape
    torch.Size([5, 2, 8, 8])
    """

    weight: Tensor
    bias: Tensor | None = None

    def __post_init__(self) -> None:
        w, b = self.weight, self.bias
        if w.ndim < 2 or (b is not None and b.shape != w.shape[:-2] + w.shape[-1:]):
            raise InputError(
                f"an affine map has weight (..., p, q) and bias (..., q) or None; given "
                f"{tuple(w.shape)} and {None if b is None else tuple(b.shape)}"
            )

    @classmethod
    def identity(cls, p: int, q: int | None = None, bias: bool = False, **like: Any) -> Affine:
        """Ones on the diagonal, zeros elsewhere; `like` is passed to torch (dtype, device)."""
        import torch

        q = p if q is None else q
        return cls(torch.eye(p, q, **like), torch.zeros(q, **like) if bias else None)

    def to(self, *where: Any) -> Affine:
        """The same map on another device or in another dtype (arguments of `Tensor.to`)."""
        return Affine(self.weight.to(*where), None if self.bias is None else self.bias.to(*where))

    def __getitem__(self, maps: int | slice | None) -> Affine:
        """One or several of k maps; `affine[None]` turns a single map into k = 1 maps."""
        return Affine(self.weight[maps], None if self.bias is None else self.bias[maps])

    def clone(self) -> Affine:
        """A copy of the map."""
        return Affine(self.weight.clone(), None if self.bias is None else self.bias.clone())

    def __call__(self, x: Tensor, layout: str | None = None) -> Tensor:
        """Rows (n, p) -> (n, q), images (n, p, h, w) -> (n, q, h, w), or, with a layout, (n, h, w, p) -> (n, h, w, q)
        and so on; see `views.LAYOUTS`. Raises InputError where channels, dtype or device of x do not match the map."""
        from torch.nn import functional

        layout = self._layout(x, layout)
        if layout == "nchw":
            return functional.conv2d(x, self.weight.mT[:, :, None, None], self.bias)
        if layout == "nct":
            return functional.conv1d(x, self.weight.mT[:, :, None], self.bias)
        if layout == "ncdhw":
            return functional.conv3d(x, self.weight.mT[:, :, None, None, None], self.bias)
        return functional.linear(x, self.weight.mT, self.bias)  # channels come last

    def each(self, x: Tensor, layout: str | None = None) -> Tensor:
        """The outputs of k maps for the same activations (n, p, h, w) or rows (n, p): (k, n, q, h, w) or (k, n, q)."""
        import torch

        if self.weight.ndim != 3:
            raise InputError(
                f"each is for several maps in one, weight (k, p, q); given {tuple(self.weight.shape)}"
                + (": call it on x" if self.weight.ndim == 2 else "")
            )
        biases = [None] * len(self.weight) if self.bias is None else self.bias
        moved = [Affine(weight, bias)(x, layout) for weight, bias in zip(self.weight, biases, strict=True)]
        return moved[0][None] if len(moved) == 1 else torch.stack(moved)  # avoids a copy

    def _layout(self, x: Tensor, layout: str | None) -> str:
        """The layout of x. Raises InputError where the map cannot be applied to x, judging by shapes and types."""
        import torch

        weight = self.weight
        if weight.ndim != 2:
            raise InputError(f"{tuple(weight.shape)} is the weight of several maps; each(x) is what each makes of x")
        if not isinstance(x, torch.Tensor):
            raise InputError(f"x is a {type(x).__name__}; give a torch tensor")
        layout = layout_of(x, layout)
        channels = x.shape[layout.index("c")]
        if channels != len(weight):
            others = [
                f"; layout={other!r} has as many"
                for other in LAYOUTS
                if len(other) == x.ndim and x.shape[other.index("c")] == len(weight)
            ]
            raise InputError(
                f"x has shape {tuple(x.shape)}, which has {channels} channels as {layout} "
                f"{LAYOUTS[layout]}, and the map takes {len(weight)} to {weight.shape[1]}"
                + (others or ["; give the activations it was made for"])[0]
            )
        if x.device != weight.device or (x.dtype != weight.dtype and not torch.is_autocast_enabled(x.device.type)):
            raise InputError(
                f"x is {x.dtype} on {x.device} and the map {weight.dtype} on {weight.device}; bring them "
                "together, as with affine.to(x)(x)"
            )
        return layout
