"""Calling: networks that take ids and masks by name, or give their outputs in an object, as functions of one tensor."""

from __future__ import annotations

import inspect
from typing import Any

from torch import Tensor, nn


def plain(net: nn.Module) -> nn.Module:
    """The network, whose class is changed so that it takes and gives one tensor; names of modules stay.

    One that takes `input_ids` is called with ids (n, t), -1 at masked positions: they get the padding id of its
    configuration, or 0, and make the `attention_mask`. Of an output with `logits`, these are given.
    """
    kind = type(net)
    taken = inspect.signature(kind.forward).parameters
    by_name, masks, caches = (name in taken for name in ("input_ids", "attention_mask", "use_cache"))

    def called(self: nn.Module, given: Tensor) -> Any:
        if not by_name:
            return logits(kind.forward(self, given))
        padding = getattr(getattr(self, "config", None), "pad_token_id", None) or 0
        named: dict[str, Any] = {"attention_mask": (given >= 0).long()} if masks else {}
        if caches:
            named["use_cache"] = False
        return logits(kind.forward(self, input_ids=given.masked_fill(given < 0, padding), **named))

    net.__class__ = type(kind.__name__, (kind,), {"forward": called, "__module__": kind.__module__})
    return net


def logits(output: Any) -> Any:
    """The logits in an output, or the output itself."""
    return output.logits if isinstance(getattr(output, "logits", None), Tensor) else output


def unusual(net: nn.Module, output: Any = None) -> bool:
    """Whether a network takes ids by name, or gave its logits in an object."""
    return "input_ids" in inspect.signature(type(net).forward).parameters or logits(output) is not output
