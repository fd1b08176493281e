"""Tables hold the documented columns, sorted, with every digit, and are written only when they change."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_networks import case, installed
from small_records import record

import simbench
from simbench.columns import IDENTITY, MEASUREMENTS, METHODS
from simbench.contracts import Row
from simbench.errors import InputError
from simbench.results import tables
from simbench.results.store import Contents


def test_measurements_have_exactly_the_documented_columns():
    table = tables.measurements([record(Row("similarity", 0.5))])
    assert list(table.columns) == list(MEASUREMENTS) and len(table) == 1
    assert table.iloc[0][["method", "samples", "value", "status", "note"]].tolist() == ["cka", 60, 0.5, "ok", ""]
    assert list(tables.measurements([]).columns) == list(MEASUREMENTS)
    assert list(MEASUREMENTS)[:-3] == IDENTITY


def test_measurements_are_sorted_by_what_was_measured_whatever_the_order_of_the_records():
    records = [
        record(Row("similarity", 0.1 * i), key=str(i), seed_a=seed, method=method)
        for i, (seed, method) in enumerate([("1", {}), ("0", {}), ("2", {})])
    ]
    steps = [Row("accuracy", 0.3, 20), Row("accuracy", 0.2, 3), Row("accuracy", 0.1, 0)]
    records += [record(*steps, key="s", kind="penalty")]
    table = tables.measurements(records)
    assert table.equals(tables.measurements(reversed(records)))
    assert table["kind"].tolist() == ["index", "penalty", "penalty", "penalty", "index", "index"]
    assert table["step"].tolist()[1:4] == [0, 3, 20]  # as numbers, not as text


def test_steps_are_whole_numbers_empty_outside_a_training():
    table = tables.measurements([record(Row("similarity", 0.5)), record(Row("accuracy", 0.5, 7), key="l", view="flat")])
    assert table["step"].dtype == "Int64" and table["step"].isna().sum() == 1
    assert ",7," in table.to_csv() and "7.0" not in table.to_csv()


def test_a_later_run_of_the_same_labels_replaces_the_earlier():
    """Other weights under the same name: another key, the same columns."""
    old, new = record(Row("similarity", 0.1), key="z", run="r1"), record(Row("similarity", 0.2), key="a", run="r2")
    for records in ([old, new], [new, old]):
        assert tables.measurements(records)["value"].tolist() == [0.2]


def test_a_later_run_replaces_the_earlier_whole():
    """No step of a longer training and no failure of an older formula stays behind."""
    old = record(Row("accuracy", 0.1, 0), Row("accuracy", 0.2, 10), Row("accuracy", 0.3, 20), key="z", run="r1")
    failed = record(Row("similarity", None, status="failed", note="x"), key="y", run="r2")
    new = record(Row("accuracy", 0.5, 0), Row("accuracy", 0.6, 10), key="a", run="r3")
    assert tables.measurements([new, failed, old])["value"].tolist() == [0.5, 0.6]


def test_other_labels_do_not_replace():
    records = [
        record(Row("similarity", 0.1)),
        record(Row("similarity", 0.2), key="l", run="r2", samples=30),
        record(Row("similarity", 0.3), key="m", run="r3", seed=1),
    ]
    assert len(tables.measurements(records)) == 3


def test_methods_are_listed_once_as_their_latest_record_describes_them():
    told = dict.fromkeys(METHODS, "") | {"kind": "index", "method": "cka"}
    table = tables.methods(
        [
            record(key="b", run="r2", method=told | {"version": 2}),
            record(key="c", run="r1", method=told | {"version": 1}),
            record(key="d"),
            record(key="e", method=told | {"method": "cca", "version": 1}),
        ]
    )
    assert list(table.columns) == list(METHODS)
    assert table[["method", "version"]].values.tolist() == [["cca", 1], ["cka", 2]]


def test_a_method_is_described_by_its_claims(small):
    index = tables.describe(case(small, installed().get("indices", "cka[estimator=debiased]")), "simbench", "0.1")
    assert index == {
        "kind": "index",
        "method": "cka",
        "params": "estimator=debiased,kernel=linear,batch=128,form=cosine,centred=true,bandwidth=1.0,median=pairs,"
        "degree=3,offset=1.0",
        "spec": "cka[estimator=debiased]",
        "source": installed().get("indices", "cka").source,
        "version": 1,
        "package": "simbench",
        "package_version": "0.1",
        "control": False,
        "direction": 1,
        "symmetric": True,
        "needs": "samples",
        "low": -1.0,
        "high": 1.0,
        "invariances_a": "orthogonal permutation scaling translation",
        "invariances_b": "orthogonal permutation scaling translation",
        "differentiable": True,
    }
    stitcher = tables.describe(case(small, installed().get("stitchers", "task_loss")), "p", "1")
    assert (stitcher["kind"], stitcher["needs"], stitcher["family"], stitcher["objective"]) == (
        "stitcher",
        "task",
        "affine",
        "cross_entropy",
    )
    assert not stitcher["control"]
    assert tables.describe(case(small, installed().get("stitchers", "identity")), "p", "1")["control"]
    assert tables.describe(replace(case(small, None), kind="network"), "p", "1") == {}


def test_the_direction_of_a_distance_is_minus_one(small):
    class Distance(simbench.Index):
        name, source = "distance", "made by the tests"
        claims = simbench.Claims(direction=-1)

    assert tables.describe(case(small, Distance()), "p", "1")["direction"] == -1


def test_an_unbounded_range_is_stored_as_text(small):
    from small_plugins import Total

    told = tables.describe(case(small, Total()), "p", "1")
    assert (told["low"], told["high"]) == ("-inf", "inf")
    json.dumps(told, allow_nan=False)


def test_an_unbounded_range_is_read_as_a_number(tmp_path):
    tables.write(pd.DataFrame({"low": ["-inf", 0.0, ""], "high": ["inf", 1.0, ""]}), tmp_path / "x.csv")
    assert tables.read(tmp_path / "x.csv")["low"].tolist()[:2] == [-np.inf, 0]


def test_timings_and_runs_tell_of_every_record_and_run():
    table = tables.timings(
        [record(Row("similarity", 0.5)), record(Row("similarity", 0.5), key="l", run="r2", seed_a="3")]
    )
    assert table[["seed_a", "seconds", "run"]].values.tolist() == [["0", 0.123457, "r1"], ["3", 0.123457, "r2"]]
    assert not {"quantity", "step", "value"} & set(table.columns)
    told = {"command": "simbench run", "machine": {"cores": "2", "memory": "8 GiB"}, "seconds": 1.5}
    runs = tables.runs(Contents({}, {"r2": told, "r1": {"command": "x"}}))
    assert runs["run"].tolist() == ["r1", "r2"] and runs["machine"].tolist()[1] == "cores 2; memory 8 GiB"
    assert runs["seconds"].tolist()[1] == 1.5


# Files.


def test_floats_keep_every_digit(tmp_path):
    rng = np.random.default_rng(0)
    values = np.concatenate(
        [
            rng.normal(size=5000) * 10.0 ** rng.integers(-300, 300, 5000),
            [0.1 + 0.2, 5e-324, 1.7976931348623157e308, 0.0, -0.0, 1 / 3],
        ]
    )
    tables.write(pd.DataFrame({"value": values}), tmp_path / "x.csv")
    assert (tables.read(tmp_path / "x.csv")["value"].to_numpy() == values).all()


def test_a_table_comes_back_as_it_was_written(tmp_path):
    """Text that looks like a number or like nothing stays text; '' is empty text and NaN an empty number."""
    told = {"seed_a": "007", "layer_a": "nan", "params": "", "note": 'a, "quoted"\nreason: NA'}
    table = tables.measurements(
        [
            record(Row("similarity", 0.1, 3)),
            record(Row("similarity", None, status="failed", note=told.pop("note")), key="l", **told),
        ]
    )
    tables.write(table, tmp_path / "x.csv")
    back = tables.read(tmp_path / "x.csv")
    assert back["layer_a"].tolist() == ["bn1", "nan"] and back["seed_a"].tolist() == ["0", "007"]
    assert back["params"].tolist() == ["", ""] and back["note"].tolist() == ["", 'a, "quoted"\nreason: NA']
    assert back["value"].isna().tolist() == [False, True] and back["step"].isna().tolist() == [False, True]
    assert back["step"].dtype == "Int64" and back["step"][0] == 3
    assert tables.write(back.astype({"samples": int, "seed": int}), tmp_path / "y.csv")
    assert (tmp_path / "x.csv").read_bytes() == (tmp_path / "y.csv").read_bytes()


def test_columns_are_read_alone_where_they_are_there(tmp_path):
    written = pd.DataFrame({"run": ["a", "b"], "schema": [1, 2], "command": ["=x", ""]})
    tables.write(written, tmp_path / "runs.csv")
    whole, part = (tables.read(tmp_path / "runs.csv", only=only) for only in (None, {"schema", "command"}))
    pd.testing.assert_frame_equal(part, whole[["schema", "command"]])
    assert list(part["command"]) == ["=x", ""] and not len(tables.read(tmp_path / "runs.csv", only={"none"}).columns)


def test_the_mark_of_unicode_belongs_to_no_name(tmp_path):
    """Spreadsheets write it before the header."""
    (tmp_path / "runs.csv").write_text("\ufeffrun,schema\na,3\n", encoding="utf-8")
    read = tables.read(tmp_path / "runs.csv")
    assert list(read.columns) == ["run", "schema"] and list(read["run"]) == ["a"]


def test_an_empty_table_is_its_header_and_can_be_read(tmp_path):
    tables.write(tables.measurements([]), tmp_path / "x.csv")
    assert (tmp_path / "x.csv").read_text() == ",".join(MEASUREMENTS) + "\n"
    assert tables.read(tmp_path / "x.csv").empty


def test_a_file_is_touched_only_when_it_changes(tmp_path, monkeypatch):
    path = tmp_path / "x.csv"
    assert tables.write(pd.DataFrame({"value": [0.1]}), path)
    inode = path.stat().st_ino
    with monkeypatch.context() as patch:
        patch.setattr(tables.atomic, "write", lambda *_: pytest.fail("written again"))
        assert not tables.write(pd.DataFrame({"value": [0.1]}), path)
    assert path.stat().st_ino == inode
    assert tables.write(pd.DataFrame({"value": [0.2]}), path) and path.read_text() == "value\n0.2\n"
    assert [file.name for file in Path(tmp_path).iterdir()] == ["x.csv"]


@pytest.mark.parametrize(
    "damage",
    [b"\xff\xfe", b'"never closed', b"x\n" * 3, b"\x00", b"1," * 99 + b"\n"],
    ids=["no text", "open quote", "text for a number", "nul", "too many cells"],
)
def test_what_is_no_table_is_named_with_what_to_do(tmp_path, damage):
    path = tmp_path / "runs.csv"
    path.write_bytes(b"seconds,run\n1.5,r1\n" + damage)
    with pytest.raises(InputError, match=f"^{path} is not what simbench wrote \\(.*once it is removed$"):
        tables.read(path)
