"""Aligned layers: the activations of a layer, brought to the form of a layer of another network."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from simbench.moments.alignment import Alignment
from simbench.moments.layout import Layout
from simbench.networks.stages import in_a_row, in_order


class Aligned(str):
    """The name of a layer whose activations are changed on their way out, and what changes them.

    layer: the layer itself. after: what its front's output passes through. before: what its end's input passes through
    first, so that the end takes the changed activations; None where an aligned layer is a front alone. alignment: the
    resize that comes last, or None. unresized: the layer before that. dropped: how many tokens are left out at the
    beginning.
    """

    layer: str
    after: Callable[[Tensor], Tensor]
    before: Callable[[Tensor], Tensor] | None
    alignment: Alignment | None
    unresized: str
    dropped: int

    def __new__(
        cls, layer: str, said: str, after: Callable[[Tensor], Tensor], before: Callable[[Tensor], Tensor] | None = None
    ) -> Aligned:
        """said: what is done, for messages; layers of one name are the same."""
        made = super().__new__(cls, f"{layer} ({said})")
        made.layer, made.after, made.before = layer, after, before
        made.alignment, made.unresized, made.dropped = None, made, 0
        return made

    def parts(self, front: nn.Module, end: nn.Module) -> tuple[nn.Sequential, nn.Module]:
        """Front and end of the aligned layer, from those of the layer itself."""
        return followed(front, self.after), preceded(self.before, end)

    @property
    def alone(self) -> nn.Sequential:
        """What the activations of the layer itself pass through."""
        return in_order([("aligned", Step(self.after))]).eval()

    @property
    def enlarged(self) -> bool:
        """Whether the last step gives the activations more pixels."""
        return self.alignment is not None and self.alignment.enlarges

    @property
    def said(self) -> str:
        """What is done to the layer."""
        return self[len(self.layer) + 2 : -1]


def resized(layer: str, alignment: Alignment) -> Aligned:
    """A layer whose activations are resized on their way out, after what is done to them already."""
    if isinstance(layer, Aligned):
        after = layer.after
        made = Aligned(layer.layer, f"{layer.said}, {alignment.said}", lambda x: alignment(after(x)), layer.before)
    else:
        made = Aligned(layer, alignment.said, alignment)
    made.alignment, made.unresized, made.dropped = alignment, layer, getattr(layer, "dropped", 0)
    return made


def before_resize(layer: str) -> tuple[str, Alignment | None]:
    """A layer, and the resize that a map of each pixel of it may come before: where that gives it more pixels, the map
    is cheaper before, and the outcome is the same. None: there is none."""
    return (layer.unresized, layer.alignment) if isinstance(layer, Aligned) and layer.enlarged else (layer, None)


def laid_out(layer: str, layout: Layout, leading: Tensor | None) -> Aligned:
    """A layer of tokens (n, c, t, 1) as the grid of its image, (n, c, h, w), without class and register tokens.

    leading: (k, c), the class and register tokens that its end is given in their place.
    """
    whole = Layout("tokens")

    def after(x: Tensor) -> Tensor:
        return layout.canonical(whole.raw(x))

    def before(x: Tensor) -> Tensor:
        return whole.canonical(layout.raw(x, leading))

    grid = f" as {layout.grid[0]} x {layout.grid[1]}" if layout.grid else ""
    made = Aligned(layer, f"tokens{grid}" + f" without the first {layout.prefix}" * bool(layout.prefix), after, before)
    made.dropped = layout.prefix
    return made


class Step(nn.Module):
    """A function of activations as a stage of a network."""

    def __init__(self, act: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        return self.act(x)


def followed(front: nn.Module, act: Callable[[Tensor], Tensor]) -> nn.Sequential:
    """A front, and what its output passes through."""
    stages = list(front._modules.items()) if in_a_row(front) else [("front", front)]
    return in_order([*stages, (f"aligned {len(stages)}", Step(act))]).eval()


class Rereading(nn.Module):
    """An end that takes the inputs of its network after the activations, because it reads ids or masks again."""

    def __init__(self, end: nn.Module, before: Callable[[Tensor], Tensor] | None = None) -> None:
        super().__init__()
        self.end, self.before, self.training = end, before, False

    def forward(self, activations: Tensor, inputs: Tensor) -> Tensor:
        return self.end(self.before(activations) if self.before else activations, inputs)


def preceded(act: Callable[[Tensor], Tensor] | None, end: nn.Module) -> nn.Module:
    """An end, and what its activations pass through before."""
    if isinstance(end, Rereading):
        return Rereading(end, act) if act else end
    stages = list(end._modules.items()) if in_a_row(end) else [("end", end)]
    return in_order([*([(f"aligned {len(stages)}", Step(act))] if act else []), *stages]).eval()
