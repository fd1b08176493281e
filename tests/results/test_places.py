"""What is no folder, or no file, where a run writes: refused before it runs, named by the doctor, and removed by it."""

import os

import pytest

from simbench.errors import InputError
from simbench.publishing.doctor import examined, heal
from simbench.results.places import misplaced
from simbench.results.store import Store

FOLDERS = ("records", "records/0a", "records/segments", "runs", "figures", "started")
FILES = ("measurements.csv", "cuts.csv", "records/.writing", "records/.packing")


def dangling(path):
    os.symlink("nowhere", path)


def empty(path):
    path.write_bytes(b"")


@pytest.mark.parametrize(
    ("place", "kind", "make"),
    [(place, "folder", make) for place in FOLDERS for make in (empty, os.mkfifo, dangling)]
    + [(place, "file", make) for place in FILES for make in (os.mkdir, os.mkfifo, dangling)],
)
def test_what_lies_in_the_way_is_refused_named_and_removed(tmp_path, cache, place, kind, make):
    path, store = tmp_path / place, Store(tmp_path)
    path.parent.mkdir(exist_ok=True)
    make(path)
    with pytest.raises(InputError, match=f"no {kind}; remove it|{path} is not a folder"):
        store.check_writable()
    (finding,) = [finding for finding in examined(tmp_path, {}) if finding.path == path]
    assert finding.reason == f"no {kind}"
    heal(finding)
    store.check_writable()
    assert not os.path.lexists(path) and not list(examined(tmp_path, {}))


def test_folders_files_and_links_to_them_are_in_their_places(tmp_path):
    for name in ("records/0a", "runs", "elsewhere"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "measurements.csv").write_text("")
    (tmp_path / "figures").symlink_to("elsewhere")
    (tmp_path / "records" / "notes").write_text("a file of somebody else")
    assert not list(misplaced(tmp_path))


def test_a_folder_with_files_of_somebody_is_named_and_kept(tmp_path, cache):
    (tmp_path / "methods.csv").mkdir()
    (tmp_path / "methods.csv" / "notes").write_text("")
    (finding,) = examined(tmp_path, {})
    heal(finding)
    assert finding.reason == "no file" and (tmp_path / "methods.csv" / "notes").exists()
