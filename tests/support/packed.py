"""Results folders with records to pack, and a process that dies at a chosen moment."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from made_records import made

from simbench.results.store import Record, Store

RUN = {"command": "simbench run", "started": "now", "seconds": 1.0, "measured": 1}


def filled(folder: Path, number: int, first: int = 0) -> Store:
    """A folder with synthetic records from the `first` on, of which stitches have arrays."""
    store = Store(folder)
    for place, (record, arrays) in enumerate(made(number, arrays=True)):
        if place >= first:
            store.put(record, arrays)
            store.put_run(record.run, RUN)
    return store


def whole(folder: Path) -> tuple[dict[str, Record], dict[str, dict[str, np.ndarray]]]:
    """Every record and every array, read anew. Fails where anything is left out."""
    store = Store(folder)
    contents = store.read()
    assert not contents.faults, contents.faults
    records = dict(contents.records.items())
    return records, {key: store.arrays(record) for key, record in records.items() if record.arrays}


def same(a: tuple, b: tuple) -> bool:
    return a[0] == b[0] and all(
        (a[1][key][name] == b[1][key][name]).all() for key in a[1].keys() | b[1].keys() for name in a[1][key]
    )


class Died(BaseException):
    """The process died: nothing that comes later happens."""


def dying_at(step: int, monkeypatch) -> None:
    """After so many changes of files every further one raises, as if the process had died there."""
    count = 0

    def counted(change):
        def changed(*words, **named):
            nonlocal count
            count += 1
            if count > step:
                raise Died
            return change(*words, **named)

        return changed

    for name in ("replace", "unlink", "remove", "fsync", "rename", "mkdir"):
        monkeypatch.setattr(os, name, counted(getattr(os, name)))
