"""The records of a folder as they are now, while other processes record there and pack."""

from __future__ import annotations

from collections.abc import Mapping

from simbench.results.record import Record
from simbench.results.segments.segment import FOLDER
from simbench.results.store import Store


class Current:
    """Looks records up one by one, in files of their own and in segments, which are opened again when there are others.
    A record that another process packs meanwhile is in one of both at any time."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._packed: Mapping[str, Record] = {}
        self._changed = 0

    def get(self, key: str) -> Record | None:
        """The record of a case, None where there is none."""
        record = self._store.get(key)
        if record is None:
            folder = self._store.folder / "records" / FOLDER
            changed = folder.stat().st_mtime_ns if folder.is_dir() else 0
            if changed != self._changed:
                self._packed, _ = self._store.segments()
                self._changed = changed
            record = self._packed.get(key)
        return record
