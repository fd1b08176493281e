"""Packing changes where records are, and nothing else; whenever it stops, nothing is lost."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from command_line import here
from made_records import made
from packed import Died, dying_at, filled, same, whole

from simbench.contracts import Row
from simbench.errors import InputError
from simbench.results import folder as publish
from simbench.results.segments import locks
from simbench.results.segments.packing import pack, pack_many
from simbench.results.segments.segment import MARK
from simbench.results.store import Store

NUMBER = 110  # of two pairs of networks


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unpacked")
    filled(folder, NUMBER)
    return folder


@pytest.fixture
def copy(unpacked, tmp_path):
    shutil.copytree(unpacked, tmp_path / "copy")
    return tmp_path / "copy"


def files(folder, pattern="??/*.*"):
    kinds = (".json", ".npz", ".parquet", ".arrays")
    found = (folder / "records").glob(pattern)
    return sorted(path.name for path in found if path.stem != MARK and path.suffix in kinds)


def test_every_record_and_array_comes_back_and_no_file_of_one_is_left(unpacked, copy):
    done = pack(Store(copy), most=50)
    assert done.records == NUMBER and done.segments == 3 == len(files(copy, "segments/*.parquet"))
    assert files(copy) == [] and same(whole(copy), whole(unpacked))
    contents = Store(copy).read()
    assert list(contents.records) == sorted(contents.records) and len(contents.records) == NUMBER
    assert [record.key for record in contents.records.values()] == list(contents.records)


@pytest.mark.long
def test_tables_are_the_same_byte_for_byte(unpacked, copy):
    pack(Store(copy), most=40)
    some = list(Store(copy).read().records.values())[:30]
    for record in some:
        Store(copy).put(replace(record, arrays=""), Store(copy).arrays(record) if record.arrays else None)
    for folder in (unpacked, copy):
        publish.publish(Store(folder).read(), folder, anew=True)
    for name in publish.FILES:
        assert (copy / name).read_bytes() == (unpacked / name).read_bytes(), name
    assert (copy / "correlations.csv").read_text().count("\n") > 10


def test_packing_again_changes_nothing(copy):
    pack(Store(copy))
    before = files(copy, "segments/*")
    assert pack(Store(copy)).records == 0 and files(copy, "segments/*") == before


@pytest.mark.long
def test_a_process_that_dies_at_any_step_loses_nothing(tmp_path, monkeypatch):
    expected, step, died = whole(filled(tmp_path / "whole", 3).folder), 0, True
    while died:
        folder = tmp_path / "dying"
        shutil.copytree(tmp_path / "whole", folder)
        with monkeypatch.context() as patched:
            dying_at(step, patched)
            try:
                pack(Store(folder), most=2)
                died = False
            except Died:
                pass
        assert same(whole(folder), expected), f"after {step} steps"
        pack(Store(folder), most=2)  # the next one goes on from there
        assert same(whole(folder), expected) and not files(folder)
        assert not list((folder / "records" / "segments").glob(".tmp-*"))
        shutil.rmtree(folder)
        step += 1
    assert step > 3 + 1 + 5  # each file of records and arrays is removed alone


def test_failed_records_stay_and_are_not_finished(copy):
    first, *_ = Store(copy).read().records.values()
    Store(copy).put(replace(first, rows=(Row("similarity", None, status="failed", note="x"),), arrays=""))
    pack(Store(copy))
    assert files(copy, "??/*.json") == [f"{first.key}.json"]
    contents = Store(copy).read()
    assert list(contents.finished(list(contents.records))).count(False) == 1
    assert [record.key for record in contents.failed()] == [first.key]
    assert not contents.finished(["0" * 64])[0] and len(contents.records) == NUMBER


def test_a_record_that_is_measured_again_replaces_the_packed_one(copy):
    pack(Store(copy))
    first, *_ = Store(copy).read().records.values()
    again = Store(copy).put(
        replace(first, run="later", seconds=9.5), Store(copy).arrays(first) if first.arrays else None
    )
    assert Store(copy).read().records[first.key] == again and len(Store(copy).read().records) == NUMBER
    pack(Store(copy))
    assert Store(copy).read().records[first.key] == again and len(Store(copy).read().records) == NUMBER


def test_a_record_written_between_reading_and_removing_is_not_removed(copy, monkeypatch):
    store = Store(copy)
    first, *_ = store.read().records.values()
    newer = replace(first, run="newer", arrays="")
    removing = locks.removing

    def late(records):
        if not written:
            written.append(Store(copy).put(newer))
        return removing(records)

    written = []
    monkeypatch.setattr(locks, "removing", late)
    pack(store)
    assert written and Store(copy).read().records[first.key] == newer


def test_one_process_packs_at_a_time(copy):
    with locks.packing(copy / "records") as mine:
        assert mine and pack(Store(copy)).left == "another process is packing its records"
    assert pack(Store(copy)).records == NUMBER


def test_a_reader_finds_what_is_packed_while_it_reads(copy):
    """The files are listed, packed, and then opened."""
    store, expected = Store(copy), whole(copy)
    held = store.read().records
    pack(Store(copy))
    assert all(set(store.arrays(record)) == set(expected[1][key]) for key, record in held.items() if record.arrays)
    opened = Store(copy)
    packed = opened.read().records
    filled(copy, NUMBER + 40, first=NUMBER)
    pack(Store(copy), most=400)  # removes the segment that is open
    assert dict(packed.items()) == expected[0]
    assert all(opened.arrays(record) for record in packed.values() if record.arrays)


def test_small_segments_are_packed_together_and_no_pack_is_left(copy):
    for end in (120, 130, 140):
        pack(Store(copy))
        filled(copy, end, first=end - 10)
    done = pack(Store(copy))
    assert done.segments == 1 and len(files(copy, "segments/*.arrays")) == 1
    assert len(whole(copy)[0]) == 140


def test_what_columns_would_change_stays_in_a_file(tmp_path):
    (record, _), *_ = made(1)
    store = Store(tmp_path)
    kept = store.put(replace(record, rows=(Row("similarity", 2**60 + 1),)))
    pack(store)
    assert files(tmp_path) == [f"{record.key}.json"] and Store(tmp_path).read().records == {record.key: kept}


def test_few_records_are_left_alone(copy):
    assert pack_many(Store(copy)).records == 0 and len(files(copy, "??/*.json")) == NUMBER


def test_a_simbench_without_segments_is_told(copy):
    """It reads JSON files alone, and lists one whose schema it does not know."""
    from simbench.contracts.case import SCHEMA
    from simbench.results import schema
    from simbench.system.provenance import digest

    pack(Store(copy))
    (path,) = (copy / "records").glob("??/*.json")
    data = json.loads(path.read_text())
    assert path.stem == data["key"] == digest(data["identity"]) and schema.fault(data).startswith(schema.LATER)
    assert f"reads up to {SCHEMA}" in schema.fault(data)


def test_the_command_says_what_it_did(copy):
    done = here("compact", str(copy))
    assert done.code == 0 and f"{NUMBER} records packed; 1 segment in" in done.out, done.err
    none = here("compact", str(copy / "nothing"))
    assert none.code == 2 and "holds no records" in none.err


def test_a_folder_that_cannot_be_written_is_refused(copy):
    shutil.rmtree(copy / "runs")
    (copy / "runs").write_text("")
    with pytest.raises(InputError, match="not writable"):
        pack(Store(copy))
    assert np.size(files(copy)) > NUMBER


@pytest.mark.long
def test_a_full_disk_is_one_line_and_loses_nothing(unpacked, copy):
    # without bytecode: Python 3.11 leaves a part of a file that did not fit
    limited = "import resource, simbench.cli; resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000)); "
    words = [sys.executable, "-B", "-c", f"{limited}simbench.cli.main(['compact', {str(copy)!r}])"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.startswith("simbench: File too large"), done.stderr
    assert done.stderr.count("\n") == 1 and same(whole(copy), whole(unpacked))
    assert not files(copy, "segments/*") and not list((copy / "records" / "segments").glob(".tmp-*"))
