"""Pairs of representations: their moments, their rows, and what they share."""

from __future__ import annotations

import math
from itertools import repeat

import torch
from torch import Tensor

from simbench.contracts import Stitcher
from simbench.contracts.case import Case
from simbench.contracts.selection import Network, Selection
from simbench.errors import Inapplicable
from simbench.measuring.activations import BUDGET, FLAT_INPUTS, Activations
from simbench.measuring.aligned import Aligned, laid_out, resized
from simbench.measuring.stacks import Member, Stacks
from simbench.measuring.value import unpaired
from simbench.moments import views
from simbench.moments.alignment import Alignment
from simbench.moments.layers import LayerMoments
from simbench.moments.layout import Layout
from simbench.moments.pair import Moments
from simbench.system import stopwatch
from simbench.system.surroundings import settle


@stopwatch.stages(moments="moments")
class Pairs:
    """Moments and rows of the pairs of one selection. memory: bytes that activations may take. flat: the most inputs
    in view flat."""

    def __init__(
        self, selection: Selection, device: str = "cpu", memory: int = BUDGET, flat: int = FLAT_INPUTS
    ) -> None:
        self.selection = selection
        self.activations = Activations(selection.setting, device, memory, flat, selection=selection)
        self._stacks = Stacks(self.activations, selection)
        self._leading: dict[tuple[str, str], Aligned] = {}

    def select(self, selection: Selection) -> None:
        """Measure for another selection of the same networks and data. What is taken together changes, no number."""
        self.selection = self.activations.selection = selection
        self._stacks.select(selection)

    def moments(self, case: Case, split: str, view: str, half: int | None = None) -> Moments:
        """Moments of (a at layer_a, b at layer_b) on a split, or on a half of its inputs, in view spatial or pooled."""
        self.must_pair(case, view)
        a, b = self.members(case, view)
        settle()
        return self._stacks.pair(a, b, split, view, half)

    def moved_moments(self, case: Case, split: str, view: str) -> Moments:
        """The same of a as a stitch acts on it, in view spatial or pooled."""
        self.must_pair(case, view)
        a, b = self.members(case, view, moved=True)
        settle()
        return self._stacks.pair(a, b, split, view)

    def front_moments(self, front: Tensor, case: Case, split: str, view: str) -> Moments:
        """Moments of (front, b at layer_b), front being activations (n, c, h, w) or (n, p) of the inputs of a split."""
        _, (network, layer) = self.members(case, view, True)
        front = self.placed(front, case)
        size, own = tuple(front.shape[2:]), self.shape(network, layer)[1:]
        if view in views.PLACED and size != own:
            raise Inapplicable(unpaired(("the front", size), (f"{case.layer_b} of {case.b.name}", own)))
        batches = zip(self.parts(front), self.activations.batches(network, layer, split), strict=True)
        kept = self.activations.kept(split, layer)
        tokens = repeat(None) if kept is None else kept.split(self.activations.batch)
        taken = ([views.rows(x, view, kept=some) for x in pair] for pair, some in zip(batches, tokens, strict=False))
        return LayerMoments.of(taken).pair(0, 1)

    def parts(self, front: Tensor) -> tuple[Tensor, ...]:
        """Activations of a front in batches, on the device."""
        return front.detach().to(self.activations.device, torch.float32).split(self.activations.batch)

    def rows(self, case: Case, split: str, view: str) -> tuple[Tensor, Tensor]:
        """Rows (n, p) of a and (n, q) of b in a view (view flat: of a drawn sample of the inputs)."""
        self.must_pair(case, view)
        return tuple(self.rows_of(member, split, view) for member in self.members(case, view))

    def rows_of(self, member: Member, split: str, view: str) -> Tensor:
        """Rows (n, p) of a representation in a view (view flat: of a drawn sample of the inputs)."""
        return views.rows(self.sample(member, split, view), view, kept=self.activations.kept(split, member[1]))

    def sample(self, member: Member, split: str, view: str) -> Tensor:
        """Activations of the inputs that a view is taken of."""
        return self.activations.tensor(*member, split, self.activations.drawn(split, view))

    def shape(self, network: Network, layer: str) -> tuple[int, ...]:
        """Shape of one input's activation, (c, h, w) or (p,)."""
        return self.activations.shape(network, layer)

    def places(self, member: Member, split: str) -> int:
        """Number of pixels or tokens of a layer over all inputs of a split: of its rows in view spatial."""
        kept = self.activations.kept(split, member[1])
        if kept is not None and self.padded(member, split, "spatial"):
            return int(kept.sum())
        return self.activations.count(split) * math.prod(self.shape(*member)[1:])

    def padded(self, member: Member, split: str, view: str) -> bool:
        """Whether a view leaves padding of a layer out."""
        return views.leaves_out(self.shape(*member), view, self.activations.kept(split, member[1]))

    def representation(self, network: Network, layer: str, split: str) -> Tensor:
        """Activations of all inputs of a split, (n, c, h, w) or (n, p) float32."""
        return self.activations.tensor(network, layer, split)

    def members(self, case: Case, view: str, moved: bool = False) -> tuple[Member, Member]:
        """(network, layer) of a and of b, aligned where their rows have to pair: in view spatial, and where a stitch
        acts (`moved`). Raises Inapplicable where the case resizes and their sizes do not come together.

        Tokens of equal number and equal class tokens pair as they are, and so do those of a text, one for each id: the
        class tokens pass through the stitch. Other tokens are laid out as the grid of their image, without class
        tokens; the end of b gets its own, their means over the train inputs. View tokens leaves out the class tokens of
        both, and view cls takes them alone.
        """
        a, b = members(case)
        if view == "cls":
            return self._class_token(a), self._class_token(b)
        if not (moved or view in views.PLACED):
            return a, b
        layouts = [self.activations.layout(*member) for member in (a, b)]
        if self.activations.ids and self.shape(*a)[1:] == self.shape(*b)[1:] == (self.activations.ids, 1):
            first = max((layout.prefix for layout in layouts if layout), default=0) if view == "tokens" else 0
            layouts = [Layout("tokens", first)] * 2
        if view == "tokens":
            a, b = (self._without_leading(member, layout) for member, layout in zip((a, b), layouts, strict=True))
        elif any(layouts) and (layouts[0] != layouts[1] or self.shape(*a)[1:] != self.shape(*b)[1:]):
            a, b = (self._laid_out(member, layout) for member, layout in zip((a, b), layouts, strict=True))
        if case.resize:
            alignment = Alignment(self.shape(*a)[1:], self.shape(*b)[1:], case.resize)
            if alignment.acts:
                a = (a[0], resized(a[1], alignment))
        return a, b

    def _class_token(self, member: Member) -> Member:
        """The first class token of a member. Inapplicable where none is known."""
        network, layer = member
        layout = self.activations.layout(network, layer)
        if layout is None or not layout.prefix:
            known = f"{layer} of {network.name} has no class token that is known"
            tokens = layout is not None and layout.kind in ("tokens", "sequence")
            how = f"; compare with layouts={{{layer!r}: 'tokens[prefix=1]'}} (--layouts) if its first is one, or"
            raise Inapplicable(f"{known}{how if tokens else ';'} take another view")
        return network, Aligned(layer, "class token", lambda x: x[:, :, 0, 0])

    def _without_leading(self, member: Member, layout: Layout | None) -> Member:
        """A member without class and register tokens, as the grid of its image; none of its activations are read."""
        tokens = layout is not None and (layout.grid or layout.prefix)
        return (member[0], laid_out(member[1], layout, None)) if tokens else member

    def _laid_out(self, member: Member, layout: Layout | None) -> Member:
        """A member of tokens as the grid of its image; others as they are."""
        if layout is None or layout.kind != "tokens" or not (layout.grid or layout.prefix):
            return member
        network, layer = member
        key = (network.content, layer)
        if key not in self._leading:
            leading = None
            if layout.prefix:
                parts = self.activations.batches(network, layer, "train")
                sums = sum(part[:, :, : layout.prefix, 0].sum(0, dtype=torch.float64) for part in parts)
                leading = (sums / self.activations.count("train")).mT.to(torch.float32)
            self._leading[key] = laid_out(layer, layout, leading)
        return network, self._leading[key]

    def placed(self, front: Tensor, case: Case) -> Tensor:
        """Activations (n, c, h, w) or (n, p) in place of those of a, aligned as those of a are."""
        (_, layer), _ = self.members(case, "spatial", True)
        if not isinstance(layer, Aligned) or tuple(front.shape[1:]) != self.shape(case.a, case.layer_a):
            return front
        return layer.after(front)

    def alignment(self, case: Case) -> str:
        """What is done to a and b so that their rows pair, for the notes of rows; "" where nothing is."""
        if not (case.layer_a and case.view):
            return ""
        both = self.members(case, case.view)
        said = [
            f"{name}: {layer.said}" for name, (_, layer) in zip("ab", both, strict=True) if isinstance(layer, Aligned)
        ]
        if any(self.padded(member, case.split, case.view) for member in both):
            said.append("padding left out")
        if isinstance(case.method, Stitcher) and self.activations.engine(case.b, case.layer_b) == "hook":
            said.append("cut by hook: the end is the whole of b, with one output replaced")
        return "; ".join(said)

    def must_pair(self, case: Case, view: str) -> None:
        """Raise Inapplicable where the rows of the two layers do not pair."""
        left, right = (self.shape(*member)[1:] for member in self.members(case, view))
        if view in views.PLACED and left != right:
            raise Inapplicable(
                unpaired((f"{case.layer_a} of {case.a.name}", left), (f"{case.layer_b} of {case.b.name}", right))
            )


def members(case: Case) -> tuple[tuple[Network, str], tuple[Network, str]]:
    """(network, layer) of a and of b."""
    return (case.a, case.layer_a), (case.b, case.layer_b)
