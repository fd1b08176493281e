"""Contents: everything that a store holds, as it was read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from simbench.results.record import Record
from simbench.results.segments import held

if TYPE_CHECKING:
    from simbench.results.frames import Frame


@dataclass(frozen=True)
class Contents:
    """Everything in a store. records: by key; those in segments are made when asked for. runs: descriptions by name.
    faults: every file that is left out, and every record of a segment as SEGMENT/KEY -> why, as the end of "it is ..."
    """

    records: Mapping[str, Record] = field(default_factory=dict)
    runs: dict[str, dict] = field(default_factory=dict)
    faults: dict[Path, str] = field(default_factory=dict)

    @property
    def corrupt(self) -> tuple[Path, ...]:
        """The files that are left out."""
        return tuple(self.faults)

    @cached_property
    def frame(self) -> Frame:
        """The records as columns, made once for all tables and figures."""
        from simbench.results import frames

        return frames.of(self.records)

    def finished(self, keys: Sequence[str]) -> np.ndarray:
        """Of each case, by its key, whether it is on record without a failed row."""
        return held.of(self.records).finished(keys)

    def failed(self) -> Iterator[Record]:
        """The records with a failed row."""
        return held.of(self.records).failed()
