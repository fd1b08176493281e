"""The rows of cuts.csv that a run sees, for its description."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from simbench.columns import CUT_KEY

#: Seconds between two times that the description of a run under way is written.
PAUSE = 5.0


class Joints:
    """The latest row for each two stitched layers. due: whether the rows should be written now."""

    def __init__(self) -> None:
        self._rows: dict[tuple, dict[str, Any]] = {}
        self._unwritten, self._last = False, time.monotonic()

    def add(self, joint: Mapping[str, Any] | None) -> None:
        if joint is None:
            return
        key = tuple(joint[name] for name in CUT_KEY)
        if self._rows.get(key) != joint:
            self._rows[key], self._unwritten = dict(joint), True

    @property
    def due(self) -> bool:
        return self._unwritten and time.monotonic() - self._last >= PAUSE

    @property
    def unwritten(self) -> bool:
        return self._unwritten

    def field(self) -> dict[str, Any]:
        """The field for the description of the run; {} if no case has a row."""
        self._unwritten, self._last = False, time.monotonic()
        return {"cuts": list(self._rows.values())} if self._rows else {}
