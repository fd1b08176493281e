"""Marks of what was started: those of the living are theirs, those of the dead tell what they died of."""

from __future__ import annotations

import os

import pytest

from simbench.system.started import Started

KEY, OTHER = "a" * 64, "b" * 64


def die(started: Started) -> None:
    """Leave the mark as a process does that is killed: the lock is gone, the file stays."""
    os.close(started._file)
    started._file = None


def test_a_dead_process_leaves_the_case_that_it_was_measuring(tmp_path):
    started = Started(tmp_path)
    started.begin(OTHER)
    started.end()
    started.begin(KEY)
    assert Started(tmp_path).left() == {}, "it is alive"
    die(started)
    (left,) = Started(tmp_path).left().items()
    assert left[0] == KEY and left[1].read_text() == KEY


def test_a_process_that_dies_between_two_cases_leaves_nothing(tmp_path):
    started = Started(tmp_path)
    started.begin(KEY)
    started.end()
    die(started)
    assert Started(tmp_path).left() == {} and not list((tmp_path / "started").iterdir())


def test_a_finished_process_leaves_no_file(tmp_path):
    started, other = Started(tmp_path), Started(tmp_path)
    started.begin(KEY)
    other.begin(OTHER)
    started.close()
    assert len(list((tmp_path / "started").iterdir())) == 1
    other.close()
    assert not (tmp_path / "started").exists()


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 64 + b"more", b" " * 64])
def test_marks_that_hold_no_key_are_removed_or_name_no_case(tmp_path, content):
    (tmp_path / "started").mkdir()
    (tmp_path / "started" / "x.started").write_bytes(content)
    assert KEY not in Started(tmp_path).left()


def test_what_is_no_file_is_left_alone(tmp_path):
    (tmp_path / "started" / "folder.started").mkdir(parents=True)
    os.mkfifo(tmp_path / "started" / "pipe.started")
    (tmp_path / "started" / "link.started").symlink_to("/nowhere")
    assert Started(tmp_path).left() == {} and len(list((tmp_path / "started").iterdir())) == 3
