"""A record that is not of the form of this release is listed with the reason and left out, whatever its checksum."""

import io
import json
import os
import time
import zipfile

import numpy as np
import pytest
from small_records import LABELS

from simbench.results.store import Store
from simbench.system.provenance import digest
from simbench.system.seals import sealed

ROW = {"quantity": "similarity", "value": 0.5, "step": None, "status": "ok", "note": ""}
CKA = {
    "kind": "index",
    "method": "cka",
    "params": "",
    "spec": "cka",
    "version": 1,
    "package": "simbench",
    "direction": 1,
    "low": 0.0,
    "high": "inf",
}


def plain(**changed) -> dict:
    """The content of a sound record; fields that are None are left out."""
    identity = changed.pop("identity", {"schema": 3, "changed": sorted(changed)})
    fields = {
        "key": digest(identity),
        "identity": identity,
        "labels": LABELS,
        "method": CKA,
        "rows": [ROW],
        "seconds": 0.1,
        "run": "r1",
    }
    return {name: value for name, value in (fields | changed).items() if value is not None}


def placed(folder, data: dict, text: str | None = None):
    path = folder / "records" / data["key"][:2] / f"{data['key']}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(sealed(data) if text is None else text)
    return path


HOSTILE = {
    "unknown field": (plain(colour="red"), "of a later simbench (record: unknown 'colour')"),
    "missing field": (plain(run=None), "invalid (record: no 'run')"),
    "later schema": (plain(identity={"schema": 99}), "of a later simbench (schema 99, and this one reads up to 3)"),
    "identity of another kind": (plain(identity=[1]), "invalid (record: identity is a list; it must be an object)"),
    "labels of another kind": (plain(labels="x"), "invalid (record: labels is 'x'; it must be an object)"),
    "missing label": (plain(labels={"dataset": "d"}), "invalid (labels: no 'experiment', 'kind', 'layer_a', ...)"),
    "unknown label": (plain(labels=LABELS | {"planet": "x"}), "of a later simbench (labels: unknown 'planet')"),
    "label of another type": (plain(labels=LABELS | {"seed": "0"}), "seed is '0'; it must be a whole number"),
    "list as a label": (plain(labels=LABELS | {"method": []}), "method is a list; it must be text"),
    "huge whole number": (plain(labels=LABELS | {"seed": 10**40}), "seed is a huge number"),
    "rows of another kind": (plain(rows={}), "rows is an object; it must be a list"),
    "row of another kind": (plain(rows=[3]), "a row is 3; it must be an object"),
    "unknown field of a row": (plain(rows=[ROW | {"unit": "m"}]), "of a later simbench (rows: unknown 'unit')"),
    "missing field of a row": (plain(rows=[{"quantity": "x"}]), "invalid (rows: no 'value')"),
    "text as a value": (plain(rows=[ROW | {"value": "0.5"}]), "value is '0.5'; it must be a finite number"),
    "boolean as a value": (plain(rows=[ROW | {"value": True}]), "value is True; it must be a finite number"),
    "huge value": (plain(rows=[ROW | {"value": 10**400}]), "value is a huge number"),
    "unknown status": (plain(rows=[ROW | {"status": "great"}]), "status is 'great'; allowed: ok, degenerate"),
    "status of another kind": (plain(rows=[ROW | {"status": []}]), "status is a list"),
    "number as a quantity": (plain(rows=[ROW | {"quantity": 1}]), "invalid (rows: "),
    "method of another kind": (plain(method=[]), "method is a list; it must be an object"),
    "method without a spec": (plain(method={"kind": "index"}), "invalid (method: no 'method', 'package', 'params'"),
    "direction 0": (plain(method=CKA | {"direction": 0}), "direction is 0; 1 or -1 is allowed"),
    "direction null": (plain(method=CKA | {"direction": None}), "direction is None; 1 or -1 is allowed"),
    "direction of a list": (plain(method=CKA | {"direction": [1]}), "direction is a list; it must be a whole number"),
    "boolean as a version": (plain(method=CKA | {"version": True}), "version is True; it must be a whole number"),
    "direction true": (plain(method=CKA | {"direction": True}), "direction is True; it must be a whole number"),
    "kind of a model": (plain(method=CKA | {"kind": "model"}), "kind is 'model'; index or stitcher is allowed"),
    "version true": (plain(method=CKA | {"version": True}), "version is True; it must be a whole number"),
    "range upside down": (plain(method=CKA | {"low": 2.0, "high": 1.0}), "range is 2.0 to 1.0; two numbers are wanted"),
    "range without an end": (plain(method=CKA | {"high": None}), "to None; two numbers are wanted"),
    "text as a bound": (plain(method=CKA | {"low": "x"}), "low is 'x'; it must be a finite number"),
    "list as a bound": (plain(method=CKA | {"low": []}), "low is a list; it must be a finite number"),
    "labels of another method": (plain(labels=LABELS | {"method": "cca"}), "method is 'cka', and the labels say 'cca'"),
    "labels of other parameters": (plain(labels=LABELS | {"params": "x=1"}), "params is '', and the labels say 'x=1'"),
    "labels of another kind of method": (plain(labels=LABELS | {"kind": "stitcher"}), "the labels say 'stitcher'"),
    "an index without a method": (plain(method={}), "kind is None, and the labels say 'index'"),
    "label without a number": (plain(labels=LABELS | {"samples": None}), "samples is None; it must be a whole number"),
    "version without a number": (plain(method=CKA | {"version": None}), "version is None; it must be a whole number"),
    "label that moves a cursor": (
        plain(labels=LABELS | {"layer_a": "a\x1b[2J"}),
        "layer_a is 'a\\x1b[2J'; it must be pr",
    ),
    "source of two lines": (plain(method=CKA | {"source": "a\nb"}), "source is 'a\\nb'; it must be printable"),
    "quantity that moves a cursor": (plain(rows=[ROW | {"quantity": "\x1b[2J"}]), "it must be printable text"),
    "seconds of another type": (plain(seconds="x"), "seconds is 'x'"),
    "arrays of another type": (plain(arrays=[]), "arrays is a list; it must be text"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_record_of_another_form_is_listed_with_the_reason_and_left_out(tmp_path, case):
    data, reason = HOSTILE[case]
    path, good = placed(tmp_path, data), plain()
    placed(tmp_path, good)
    contents = Store(tmp_path).read()
    assert list(contents.records) == [good["key"]]
    assert list(contents.faults) == [path] and reason in contents.faults[path]


@pytest.mark.parametrize(
    "text",
    [
        '{"checksum": "0", "value": NaN}',
        "[" * 100_000,
        '{"a": ' * 5_000 + "1" + "}" * 5_000,
        '{"checksum": "0", "run": "\\ud800"}',
        '{"checksum": "0"}',
        "\x00",
        "null",
        "1" * 10_000,
    ],
    ids=["NaN", "deep", "deep and closed", "lone surrogate", "empty", "binary", "null", "long number"],
)
def test_a_file_that_is_no_sealed_text_is_corrupt(tmp_path, text):
    path = placed(tmp_path, plain(), text)
    assert Store(tmp_path).read().faults == {path: "corrupt"}


def test_a_lone_surrogate_with_any_checksum_is_corrupt(tmp_path):
    data = plain(run="\ud800")
    path = placed(tmp_path, data, json.dumps(data | {"checksum": "0" * 64}))
    assert Store(tmp_path).read().faults == {path: "corrupt"}


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: os.symlink("/dev/zero", path)])
@pytest.mark.parametrize("suffix", [".json", ".npz"])
def test_what_is_no_file_is_listed_at_once_and_written_over(tmp_path, make, suffix):
    store, start = Store(tmp_path), time.monotonic()
    placed(tmp_path, plain())
    (kept,) = store.read().records.values()
    kept = store.put(kept, {"x": np.zeros(2)})
    path = next(tmp_path.rglob(f"*{suffix}"))
    path.unlink()
    make(path)
    assert store.read().faults == {path: "corrupt"} and not store.read().records
    store.put(kept, {"x": np.zeros(2)})
    assert store.read().records == {kept.key: kept}
    assert time.monotonic() - start < 5


@pytest.mark.parametrize(
    "told", [{"threads": "one"}, {"machine": 3}, {"versions": []}, {"command": None}, {"seconds": "x"}]
)
def test_a_description_of_another_form_is_left_out(tmp_path, told):
    Store(tmp_path).put_run("r1", told)
    Store(tmp_path).put_run("r2", {"command": "simbench run", "seconds": None, "later": [1]})
    contents = Store(tmp_path).read()
    assert list(contents.runs) == ["r2"] and "invalid (run: " in next(iter(contents.faults.values()))


def npz(**arrays) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def claiming(shape: str, method: int = zipfile.ZIP_STORED) -> bytes:
    """An archive of one array that is shorter than it says."""
    head = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117).encode() + b"\n"
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr("x.npy", b"\x93NUMPY\x01\x00v\x00" + head)
    return file.getvalue()


NO_ARRAYS = {
    "text": b"garbage",
    "half": npz(x=np.zeros(9))[:200],
    "no array": npz(),
    "objects": npz(x=np.array([{}], object)),
    "huge": claiming("(99999999999999,)"),
    "huge and packed": claiming("(99999999999999,)", zipfile.ZIP_DEFLATED),
    "no shape": claiming("(x,)"),
}


@pytest.mark.parametrize("data", NO_ARRAYS.values(), ids=NO_ARRAYS)
def test_arrays_of_the_right_hash_that_cannot_be_read_are_listed_and_left_out(tmp_path, data):
    path, good = placed(tmp_path, plain(arrays=digest(data))), plain()
    path.with_suffix(".npz").write_bytes(data)
    placed(tmp_path, good)
    contents = Store(tmp_path).read()
    assert list(contents.records) == [good["key"]]
    assert contents.faults == {path.with_suffix(".npz"): "invalid (it holds no arrays of numbers or text)"}


@pytest.mark.parametrize("data", [npz(x=np.zeros((2, 3)).T, y=np.array(["a"])), npz(x=np.zeros(0))])
def test_arrays_of_another_writer_are_read(tmp_path, data):
    path = placed(tmp_path, plain(arrays=digest(data)))
    path.with_suffix(".npz").write_bytes(data)
    (record,) = Store(tmp_path).read().records.values()
    assert "x" in Store(tmp_path).arrays(record)
