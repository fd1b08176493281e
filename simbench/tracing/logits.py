"""Networks of the shape that transformers gives them: arguments by name, and outputs that hold logits."""

from __future__ import annotations

import inspect
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn

#: Arguments of such networks, by what they read.
TEXT, IMAGES = "input_ids", "pixel_values"


def of_one_tensor(net: nn.Module) -> nn.Module:
    """The same network, which now takes one tensor and returns its logits (n, outputs): token ids (n, t) with -1 where
    masked, of which it makes the attention mask, or images. Any other network is returned as it is.

    The class of `net` changes, its modules do not.
    """
    names = inspect.signature(net.forward).parameters
    text = TEXT in names and "attention_mask" in names
    if hasattr(net, "config") and (text or IMAGES in names):
        net.__class__ = logits_of(type(net), text)
    return net


@lru_cache(maxsize=64)
def logits_of(kind: Any, text: bool) -> type:
    """A subclass of `kind` whose networks take one tensor and return logits."""

    def of_ids(self, ids: Tensor) -> Tensor:
        padding = getattr(self.config, "pad_token_id", None) or 0
        given = ids.masked_fill(ids < 0, padding)
        return kind.forward(self, input_ids=given, attention_mask=(ids >= 0).long()).logits

    def of_images(self, images: Tensor) -> Tensor:
        return kind.forward(self, pixel_values=images).logits

    return type(kind.__name__, (kind,), {"forward": of_ids if text else of_images, "__module__": __name__})
