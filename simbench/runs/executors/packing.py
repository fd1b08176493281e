"""Selections as bytes for a process beside this one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cloudpickle

from simbench.contracts import Plugin
from simbench.contracts.selection import Selection


class Packing:
    """Packs selections, with classes of a notebook or a script by content. The last one is kept, as packing one takes
    milliseconds."""

    def __init__(self) -> None:
        self._last: tuple[Any, bytes] = (None, b"")

    def selection(self, selection: Selection) -> bytes:
        """A selection, without the methods that cannot be sent, if there are any."""
        if self._last[0] is not selection:
            self._last = selection, _packed(selection)
        return self._last[1]


def _packed(selection: Selection) -> bytes:
    try:
        return cloudpickle.dumps(selection)
    except Exception:
        some = {
            kind: tuple(method for method in getattr(selection, kind) if _can_be_sent(method))
            for kind in ("indices", "stitchers")
        }
        return cloudpickle.dumps(replace(selection, **some))


def _can_be_sent(method: Plugin) -> bool:
    try:
        cloudpickle.dumps(method)
    except Exception:
        return False
    return True
