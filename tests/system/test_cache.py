"""The cache folder: where it is, what is in it, what clearing leaves."""

import sys
from pathlib import Path

import pytest

from simbench.system.cache import FOLDERS, cache_folder, clear, contents


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A cache with 5 bytes of weights, 3 of data sets and a file of somebody else."""
    monkeypatch.setenv("SIMBENCH_CACHE", str(tmp_path / "cache"))
    for name, content in {
        "weights/a.pt": "12345",
        "datasets/b/c.npy": "123",
        "notes.txt": "keep",
        "pictures/d.png": "keep",
    }.items():
        file = tmp_path / "cache" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    return tmp_path / "cache"


def test_the_environment_names_the_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("SIMBENCH_CACHE", str(tmp_path / "here"))
    assert cache_folder() == tmp_path / "here"
    assert cache_folder("weights", "x.pt") == tmp_path / "here/weights/x.pt"
    assert not (tmp_path / "here").exists()
    monkeypatch.setenv("SIMBENCH_CACHE", "~/here")
    assert cache_folder() == Path.home() / "here"


@pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="XDG folders are those of other systems")
def test_by_default_it_is_the_user_s_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("SIMBENCH_CACHE", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "simbench"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache/simbench"


def test_contents_count_the_files_and_bytes_of_simbench_only(root):
    assert contents() == {"datasets": (1, 3), "weights": (1, 5)}


def test_clear_keeps_what_is_not_simbench_s(root):
    assert clear() == (2, 8)
    assert sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()) == [
        "notes.txt",
        "pictures/d.png",
    ]
    assert contents() == {} and clear() == (0, 0)
    assert not any((root / name).exists() for name in FOLDERS)


def test_a_cache_that_was_never_made_is_empty(monkeypatch, tmp_path):
    monkeypatch.setenv("SIMBENCH_CACHE", str(tmp_path / "nowhere"))
    assert contents() == {} and clear() == (0, 0)
