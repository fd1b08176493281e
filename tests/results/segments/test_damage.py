"""A damaged segment costs its own cases at most; what is no segment of this release is listed and left out."""

import hashlib
import os
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from packed import filled, same, whole

from simbench.errors import InputError
from simbench.publishing.doctor import examined, heal
from simbench.results.folder import publish
from simbench.results.segments.packing import pack
from simbench.results.store import Store

NUMBER = 40


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    return filled(tmp_path_factory.mktemp("unpacked"), NUMBER).folder


@pytest.fixture
def packed(unpacked, tmp_path):
    """Two segments, with a pack each."""
    shutil.copytree(unpacked, tmp_path / "packed")
    pack(Store(tmp_path / "packed"), most=20)
    return tmp_path / "packed"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SIMBENCH_CACHE", str(tmp_path / "cache"))


def segments(folder, suffix=".parquet"):
    return sorted((folder / "records" / "segments").glob(f"*{suffix}"))


def rewritten(path, change):
    """A segment as another program would write it: changed, and named by its hash."""
    file = pq.ParquetFile(path)
    told, table = file.metadata.metadata, change(file.read())
    written = pa.BufferOutputStream()
    with pq.ParquetWriter(written, table.schema, store_schema=False) as writer:
        writer.write_table(table, row_group_size=4096)
        writer.add_key_value_metadata({k: v for k, v in told.items() if k.startswith(b"simbench")})
    data = written.getvalue().to_pybytes()
    path.unlink()
    new = path.with_name(f"{path.name[:8]}-{hashlib.sha256(data).hexdigest()}.parquet")
    new.write_bytes(data)
    return new


def flipped(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


DAMAGE = {
    "bit": lambda path: flipped(path, 2000),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("PAR1" * 100),
    "another name": lambda path: path.rename(path.with_name("00000009-" + "0" * 64 + ".parquet")),
    "folder": lambda path: (path.unlink(), path.mkdir()),
    "FIFO": lambda path: (path.unlink(), os.mkfifo(path)),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_segment_costs_its_own_cases(packed, unpacked, kind):
    first, second = segments(packed)
    keys = set(pq.read_table(second, columns=["key"])["key"].to_pylist())
    DAMAGE[kind](first)
    contents = Store(packed).read()
    (fault,) = contents.faults.items()
    assert fault[0].parent == first.parent and fault[1] == "corrupt"
    assert {bytes.fromhex(key) for key in contents.records} == keys
    for finding in list(examined(packed, {})):
        heal(finding)
    healed = Store(packed).read()
    assert not healed.faults and set(contents.records) <= set(healed.records)
    if kind == "another name":  # all of it was sound
        assert same(whole(packed), whole(unpacked))


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"x")])
def test_records_without_their_pack_are_left_out_by_name(packed, damage):
    damage(segments(packed, ".arrays")[0])
    contents = Store(packed).read()
    assert contents.faults and set(contents.faults.values()) == {"corrupt"}
    assert all(path.parent.suffix == ".parquet" and len(path.name) == 64 for path in contents.faults)
    assert len(contents.records) + len(contents.faults) == NUMBER
    assert list(contents.finished([path.name for path in contents.faults])) == [False] * len(contents.faults)


def test_a_changed_array_is_found_by_the_doctor_and_the_others_are_kept(packed):
    before = Store(packed).read().records
    flipped(segments(packed, ".arrays")[0], 300)
    records = Store(packed).read().records
    bad = [key for key, record in records.items() if record.arrays and not _readable(packed, record)]
    assert len(bad) == 1
    with pytest.raises(InputError, match=f"{bad[0]}.* `simbench doctor --heal`"):
        Store(packed).arrays(records[bad[0]])
    (finding,) = examined(packed, {})
    assert finding.reason == f"corrupt in 1 of 20 records, such as {bad[0]}"
    heal(finding)
    assert not list(examined(packed, {}))
    assert set(Store(packed).read().records) == set(before) - set(bad)


def test_the_doctor_examines_the_tables_of_the_others_where_an_array_is_changed(packed):
    (packed / "measurements.csv").write_text("of before")
    flipped(segments(packed, ".arrays")[0], 300)
    findings = list(examined(packed, {}))
    assert [finding.path.suffix for finding in findings] == [".parquet", ".csv"]
    for finding in findings:
        heal(finding)
    assert len(Store(packed).read().records) == NUMBER - 1 and not list(examined(packed, {}))


def test_tables_are_derived_without_an_array_that_is_changed(packed, capsys):
    flipped(segments(packed, ".arrays")[0], 300)
    publish(Store(packed).read(), packed)
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "simbench doctor --heal" in said and said.endswith("without such records\n")
    assert (packed / "leaderboard.csv").is_file() and (packed / "correlations.csv").is_file()


def _readable(folder, record):
    try:
        return Store(folder).arrays(record)
    except InputError:
        return None


def column(table, name, values):
    at = table.schema.get_field_index(name)
    return table.set_column(at, name, pa.array(values(table[name].to_pylist()), table.schema.field(name).type))


OTHER = {True: "stitcher", False: "index"}
HOSTILE = {
    "unknown column": (lambda table: table.append_column("colour", table["run"]), "of a later simbench (segment: unk"),
    "missing column": (lambda table: table.drop_columns(["run"]), "invalid (segment: its columns"),
    "another type": (
        lambda table: table.set_column(table.schema.get_field_index("seconds"), "seconds", table["run"]),
        "invalid (segment: its columns",
    ),
    "missing text": (lambda table: column(table, "run", lambda old: [None, *old[1:]]), "lacks values"),
    "order of keys": (lambda table: table.take(list(reversed(range(len(table))))), "keys are not in order"),
    "later schema": (lambda table: column(table, "schema", lambda old: [99, *old[1:]]), "corrupt"),
    "unknown status": (
        lambda table: column(table, "rows.status", lambda old: [["great"] * len(old[0]), *old[1:]]),
        "invalid (rows: status is 'great'",
    ),
    "NaN": (
        lambda table: column(table, "rows.value", lambda old: [[float("nan")] * len(old[0]), *old[1:]]),
        "value is nan",
    ),
    "lists of unlike lengths": (lambda table: column(table, "rows.note", lambda old: [[], *old[1:]]), "differ in leng"),
    "other parameters": (lambda table: column(table, "params", lambda old: ["x=1", *old[1:]]), "the labels say 'x=1'"),
    "another kind": (
        lambda table: column(table, "kind", lambda old: [OTHER[old[0] == "index"], *old[1:]]),
        "and the labels say",
    ),
    "cursor": (lambda table: column(table, "layer_a", lambda old: ["a\x1b[2J", *old[1:]]), "it must be printable"),
    "cursor of a method": (
        lambda table: column(
            table, "described", lambda old: [old[0].replace('"source":"', '"source":"\\u001b'), *old[1:]]
        ),
        "it must be printable",
    ),
    "cursor of a quantity": (
        lambda table: column(table, "rows.quantity", lambda old: [["\x1b[2J"] * len(old[0]), *old[1:]]),
        "it must be printable text",
    ),
    "no method": (lambda table: column(table, "described", lambda old: ["{}", *old[1:]]), "kind is None, and the lab"),
    "method": (lambda table: column(table, "described", lambda old: ["[" * 10_000, *old[1:]]), "corrupt"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_segment_of_another_form_is_listed_with_the_reason_and_left_out(packed, kind):
    change, reason = HOSTILE[kind]
    path = rewritten(segments(packed)[0], change)
    contents = Store(packed).read()
    (fault,) = contents.faults.items()
    assert path in (fault[0], fault[0].parent) and reason in fault[1]
    assert len(contents.records) == (NUMBER - 1 if fault[0].parent == path else NUMBER - 20)
    assert all(contents.records.values())


def test_a_record_that_is_not_what_was_written_is_named(packed):
    path = rewritten(segments(packed)[0], lambda table: column(table, "seconds", lambda old: [-1.0, *old[1:]]))
    records = Store(packed).read().records
    first = min(pq.read_table(path, columns=["key"])["key"].to_pylist()).hex()
    with pytest.raises(InputError, match=f"{first} is corrupt; `simbench doctor --heal` removes it"):
        records[first]
    (finding,) = examined(packed, {})
    heal(finding)
    assert len(Store(packed).read().records) == NUMBER - 1 and not list(examined(packed, {}))
