"""Tokens: what a view takes of a layer's output, where class tokens, registers and padding are known."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from simbench.moments.views import channels_first
from simbench.tracing.flow import Flow


@dataclass(frozen=True)
class Seen:
    """What is known of the axes of an output.

    axes: its layout, as in `views.LAYOUTS`. prefix: how many class and register tokens come first; None: not known.
    grid: the sizes of the axes that the other tokens are the places of; () where that is not known.
    """

    axes: str
    prefix: int | None = None
    grid: tuple[int, ...] = ()

    def select(self, x: Tensor, view: str, mask: Tensor | None) -> Tensor | str:
        """What a view takes of an output, (n, c), (n, c, h, w) or (n, c, d, h, w), or why it takes nothing.

        mask: (n, t) booleans, the tokens of the inputs that are not padding; it holds for outputs of as many tokens.
        View "tokens" leaves out the first `prefix` tokens and lays out the others as their grid; with a mask, its
        rows are the tokens that are not padding, (m, c, 1, 1). View "spatial" takes these, class tokens included, as
        (m, c, 1, 1, 1), which no vector pairs with. View "cls" takes the first token. View "pooled" of tokens with a
        mask takes the mean over those that are not padding.
        """
        given = channels_first(x, self.axes)
        padded = mask is not None and given.ndim == 4 and self._is_tokens and given.shape[2] == mask.shape[1]
        if view == "pooled" and padded:
            kept = mask.to(given.device)[:, None, :, None]
            total = torch.where(kept, given, 0).sum((2, 3), dtype=torch.float64)
            means = total / kept.sum((2, 3)).clamp(min=1)
            return means.to(torch.float32) if x.dtype.itemsize <= 4 else means
        if view == "spatial" and padded:
            return given[..., 0].mT[mask.to(given.device)][:, :, None, None, None]
        if view not in ("tokens", "cls"):
            return given
        if not self._is_tokens:
            return given if view == "tokens" and given.ndim > 2 else f"has no tokens: view {view!r} takes none of it"
        if view == "cls":
            if not self.prefix:
                return (
                    f"gives activations of shape {tuple(x.shape)}, and whether its first token is a class token is not "
                    "known: give layouts={...: 'tokens[prefix=1]'}"
                )
            return given[:, :, 0, 0]
        if self.prefix is None:
            return (
                f"gives activations of shape {tuple(x.shape)}, and how many class and register tokens come first is "
                "not known: give layouts={...: 'tokens[prefix=K]'}"
            )
        if padded:
            kept = mask.to(given.device)[:, self.prefix :]
            return given[:, :, self.prefix :, 0].mT[kept][:, :, None, None]
        places = given[:, :, self.prefix :, 0]
        return places.unflatten(2, self.grid) if len(self.grid) > 1 else places[..., None]

    @property
    def _is_tokens(self) -> bool:
        return "t" in self.axes


def seen_in(flow: Flow, x: Tensor) -> Seen | None:
    """What the operations of a pass determine of an output; None where they do not determine its layout."""
    axes = "nc" if x.ndim == 2 else flow.layout(x)
    return None if axes is None else Seen(axes, *(flow.tokens(x) if "t" in axes else ()))
