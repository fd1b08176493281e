"""A file is there whole or not at all."""

import os

import pytest

from simbench.system import atomic as durable


def test_a_file_is_written_whole_with_its_folders(tmp_path):
    durable.write(tmp_path / "a" / "b.txt", "text")
    assert (tmp_path / "a" / "b.txt").read_text() == "text"
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b.txt"]


def test_a_writer_that_dies_before_the_rename_leaves_the_old_file(tmp_path, monkeypatch):
    durable.write(tmp_path / "b", b"old")

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        durable.write(tmp_path / "b", b"new")
    assert (tmp_path / "b").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


@pytest.mark.parametrize("flush", [True, False])
def test_the_disk_is_waited_for_only_where_it_must_be(tmp_path, monkeypatch, flush):
    waited = []
    monkeypatch.setattr(os, "fsync", waited.append)
    durable.write(tmp_path / "c", "text", flush=flush)
    assert (tmp_path / "c").read_text() == "text" and len(waited) == flush
