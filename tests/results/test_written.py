"""A process reads what it has written only where somebody else has written it since."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_records import LABELS

from simbench.contracts import Row
from simbench.errors import InputError
from simbench.results import store as reading
from simbench.results import written
from simbench.results.store import Record, Store
from simbench.system.provenance import digest

CKA = {"kind": "index", "method": "cka", "params": "", "spec": "cka", "version": 1, "package": "x", "direction": 1}


def record(number: int, seconds: float = 0.25) -> Record:
    identity, rows = {"a": number}, (Row("accuracy", 0.5),)
    return Record(digest(identity), identity, LABELS | {"panel": ""}, CKA, rows, seconds, "run")


@pytest.fixture
def reads(monkeypatch) -> list[str]:
    """Names of files that were read."""
    found: list[str] = []

    def noted(read):
        return lambda path: found.append(Path(path).suffix) or read(path)

    monkeypatch.setattr(reading, "unsealed", noted(reading.unsealed))
    monkeypatch.setattr(reading.filed, "content_of", noted(reading.filed.content_of))
    return found


def test_what_was_written_is_not_read(tmp_path, reads):
    store = Store(tmp_path)
    kept = store.put(record(1), {"x": np.arange(3)})
    assert store.read().records == {kept.key: kept} and store.arrays(kept)["x"].tolist() == [0, 1, 2] and not reads
    assert Store(tmp_path).read().records == {kept.key: kept} and reads == [".json", ".npz"]


def test_what_another_process_writes_meanwhile_is_read(tmp_path, reads):
    store, other = Store(tmp_path), Store(tmp_path)
    store.put(record(1), {"x": np.arange(3)})
    store.put(record(2))
    again = other.put(record(1, seconds=7.5), {"x": np.ones(2)})
    more = other.put(record(3))
    assert store.read().records == {each.key: each for each in (again, record(2), more)}
    assert store.arrays(again)["x"].tolist() == [1, 1]
    with pytest.raises(InputError, match="missing or corrupt"):
        store.arrays(replace(again, arrays="f" * 64))


def test_what_another_process_writes_at_the_same_moment_is_not_taken_for_ones_own(tmp_path, monkeypatch):
    """Between the file of one and its stamps, another writes the same case."""
    store, other = Store(tmp_path), Store(tmp_path)
    again = record(1, seconds=7.5)

    def interrupted(path, content, flush):
        stamp = put(path, content, flush)
        if path.suffix == ".json" and other is not None:
            monkeypatch.setattr(reading, "put", put)
            other.put(again, {"x": np.ones(3)})
        return stamp

    put = reading.put
    monkeypatch.setattr(reading, "put", interrupted)
    kept = store.put(record(1), {"x": np.zeros(3)})
    (found,) = store.read().records.values()
    assert found.seconds == 7.5 and found.arrays != kept.arrays and store.arrays(found)["x"].tolist() == [1, 1, 1]


def test_damaged_arrays_of_a_record_just_written_are_noticed(tmp_path):
    store = Store(tmp_path)
    kept = store.put(record(1), {"x": np.arange(3)})
    (path,) = tmp_path.rglob("*.npz")
    path.write_bytes(path.read_bytes()[:-1])
    assert store.read().faults == {path: "corrupt"}
    with pytest.raises(InputError, match="missing or corrupt"):
        store.arrays(kept)


def test_who_changes_arrays_changes_a_copy(tmp_path):
    given = np.arange(3.0)
    store = Store(tmp_path)
    kept = store.put(record(1), {"x": given})
    store.arrays(kept)["x"][:] = 9
    given[:] = 8
    assert store.arrays(kept)["x"].tolist() == Store(tmp_path).arrays(kept)["x"].tolist() == [0, 1, 2]


def test_arrays_are_kept_up_to_a_size(tmp_path, reads, monkeypatch):
    monkeypatch.setattr(written, "MOST", 20)
    store = Store(tmp_path)
    first, second = (store.put(record(number), {"x": np.full(2, float(number))}) for number in (1, 2))
    assert store.arrays(first)["x"].tolist() == [1, 1] and not reads
    assert store.arrays(second)["x"].tolist() == [2, 2] and reads == [".npz"]
