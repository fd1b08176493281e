"""Units as bytes for workers, and their results."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import cloudpickle

from simbench.contracts import Plugin
from simbench.contracts.case import Case
from simbench.contracts.selection import Selection
from simbench.runs.unit import Unit
from simbench.system.raised import told, trace

if TYPE_CHECKING:
    from simbench.measuring.measure import Measured


class Packing:
    """Packs units; classes of a notebook or a script are packed by content. The selection of the last unit is kept, as
    packing one takes milliseconds."""

    def __init__(self) -> None:
        self._last: tuple[Any, bytes] = (None, b"")

    def selection(self, selection: Selection) -> bytes:
        """A selection, without the methods that cannot be sent, if there are any."""
        if self._last[0] is not selection:
            self._last = selection, _packed(selection)
        return self._last[1]

    def unit(self, unit: Unit) -> tuple[bytes, bytes]:
        """A unit. Raises what packing a case raises."""
        return self.selection(unit.selection), cloudpickle.dumps((unit.device, unit.memory, unit.cases))

    def unsendable(self, unit: Unit) -> Iterator[Measured]:
        """Failed rows of the cases of a unit that cannot be packed."""
        from simbench.measuring.measure import Measured, failed

        for case in unit.cases:
            try:
                cloudpickle.dumps(case)
            except Exception as error:  # of what a plugin holds
                note = f"it cannot be sent to a worker: {told(error)}"
                yield Measured(case, (failed(case, note),), 0, 0.0, trace(error))


def results(cases: Iterable[Case], answers: Iterable[bytes]) -> list[Measured]:
    """What a worker answered, for the cases that it was given."""
    return [replace(pickle.loads(answer), case=case) for case, answer in zip(cases, answers, strict=True)]


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
