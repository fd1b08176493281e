"""The store keeps what it is given, and believes nothing that was tampered with."""

import json
import os

import numpy as np
import pytest
from small_records import LABELS

from simbench.contracts import Row
from simbench.errors import InputError
from simbench.results.store import Record, Store
from simbench.system.provenance import digest

CKA = {"kind": "index", "method": "cka", "params": "", "spec": "cka", "version": 1, "package": "x", "direction": 1}


def record(**identity) -> Record:
    rows = (
        Row("accuracy", 0.1 + 0.2),
        Row("residual", 1e-300, 5),
        Row("similarity", None, status="skipped", note="why"),
    )
    return Record(digest(identity), identity, LABELS | {"panel": ""}, CKA, rows, 0.25, "run")


def test_a_record_comes_back_equal_to_the_last_digit(tmp_path):
    store = Store(tmp_path)
    store.put(record(a=1))
    store.put_run("r1", {"command": "simbench run"})
    for contents in (store.read(), Store(tmp_path).read()):
        assert contents.records == {record(a=1).key: record(a=1)}
        assert contents.runs == {"r1": {"command": "simbench run"}}
        assert contents.corrupt == ()


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: text.replace("0.30000000000000004", "0.31"),
        lambda text: "",
        lambda text: "[]",
        lambda text: text.replace("checksum", "sum"),
    ],
)
def test_a_damaged_record_is_listed_and_not_believed(tmp_path, damage):
    store = Store(tmp_path)
    store.put(record(a=1))
    store.put(record(a=2))
    path = next((tmp_path / "records").rglob(f"{record(a=1).key}.json"))
    path.write_text(damage(path.read_text()))
    contents = store.read()
    assert contents.corrupt == (path,)
    assert set(contents.records) == {record(a=2).key}


def test_a_record_under_another_name_is_not_believed(tmp_path):
    store = Store(tmp_path)
    store.put(record(a=1))
    path = next((tmp_path / "records").rglob("*.json"))
    path.rename(path.with_name("0" * 64 + ".json"))
    assert len(store.read().corrupt) == 1


def test_files_of_a_killed_writer_are_passed_over(tmp_path):
    Store(tmp_path).put(record(a=1))
    (tmp_path / "records" / ".tmp-x").write_text("{")
    assert Store(tmp_path).read().corrupt == ()


def test_records_of_two_machines_merge_by_copying(tmp_path):
    one, two = Store(tmp_path / "one"), Store(tmp_path / "two")
    one.put(record(a=1))
    two.put(record(a=2))
    for path in (tmp_path / "two" / "records").rglob("*.json"):
        target = tmp_path / "one" / path.relative_to(tmp_path / "two")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    assert set(one.read().records) == {record(a=1).key, record(a=2).key}


def test_a_failed_record_is_not_done():
    failed = Record("k", {}, {}, {}, (Row("", None, status="failed", note="x"),), 0, "run")
    assert failed.failed and not record(a=1).failed


def test_nan_cannot_be_stored(tmp_path):
    bad = Record(digest({}), {}, {}, {}, (Row("accuracy", float("nan")),), 0, "run")
    with pytest.raises(ValueError):
        Store(tmp_path).put(bad)
    assert not list(tmp_path.rglob("*.json"))


def test_a_folder_that_cannot_be_written_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"results folder '.*file/x' is not writable .* not a folder.*--results"):
        Store(tmp_path / "file" / "x").check_writable()
    Store(tmp_path / "new" / "deep").check_writable()
    assert not (tmp_path / "new").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_one_clear_line(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="read-only"):
        Store(tmp_path / "x").check_writable()


def test_the_file_is_json_that_a_person_can_read(tmp_path):
    Store(tmp_path).put(record(a=1))
    data = json.loads(next(tmp_path.rglob("*.json")).read_text())
    assert data["rows"][0] == {
        "quantity": "accuracy",
        "value": 0.30000000000000004,
        "step": None,
        "status": "ok",
        "note": "",
    }


def test_arrays_come_back_equal_and_the_record_says_what_lies_beside_it(tmp_path):
    store, arrays = Store(tmp_path), {"weight": np.arange(6.0).reshape(2, 3) / 7, "mask": np.array([True, False])}
    given = store.put(record(a=1), arrays)
    for each in (store, Store(tmp_path)):
        (read,) = each.read().records.values()
        assert read == given and given.arrays
        back = each.arrays(read)
        assert list(back) == ["mask", "weight"] and back["weight"].dtype == float
        np.testing.assert_array_equal(back["weight"], arrays["weight"])
        np.testing.assert_array_equal(back["mask"], arrays["mask"])


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((0, 3), np.float16),
        np.array(2.5),
        np.array(["a", "bcd"]),
        np.arange(12, dtype=">i4").reshape(3, 4).T,
        np.zeros(2, [("first", float), ("second", int)]),
    ],
    ids=["empty", "0-dim", "text", "strided", "fields"],
)
def test_arrays_of_every_kind_come_back(tmp_path, array):
    store = Store(tmp_path)
    kept = store.put(record(a=1), {"x": array})
    expected = np.ascontiguousarray(array)
    for each in (store, Store(tmp_path)):
        back = each.arrays(kept)["x"]
        assert back.dtype == expected.dtype and back.flags.writeable
        np.testing.assert_array_equal(back, expected)


def test_the_same_arrays_give_the_same_bytes(tmp_path):
    arrays = {"b": np.ones((3, 2)).T, "a": np.zeros(1)}
    first = Store(tmp_path / "1").put(record(a=1), arrays)
    second = Store(tmp_path / "2").put(record(a=1), dict(reversed(arrays.items())))
    assert first.arrays == second.arrays
    assert Store(tmp_path / "3").put(record(a=1), {"b": np.ones((3, 2)).T, "a": np.ones(1)}).arrays != first.arrays


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b"PK"),
        lambda path: path.write_bytes(path.read_bytes()[:-3]),
    ],
)
def test_a_record_without_its_arrays_is_not_believed(tmp_path, damage):
    store = Store(tmp_path)
    kept = store.put(record(a=1), {"weight": np.ones(3)})
    store.put(record(a=2))
    (path,) = (tmp_path / "records").rglob("*.npz")
    damage(path)
    contents = store.read()
    assert list(contents.records) == [record(a=2).key] and contents.corrupt == (path,)
    with pytest.raises(InputError, match=f"{path.name} is missing or corrupt; `simbench run` measures its case again"):
        store.arrays(kept)
