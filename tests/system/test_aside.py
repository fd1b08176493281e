"""A folder in the place of a file makes way, and what it holds is kept."""

import os

from simbench.system.aside import full, make_way
from simbench.system.seals import put


def test_an_empty_folder_is_removed(tmp_path):
    (tmp_path / "f").mkdir()
    assert not full(tmp_path / "f") and make_way(tmp_path / "f") is None and not os.listdir(tmp_path)


def test_what_a_folder_holds_is_kept_under_a_free_name(tmp_path):
    for number in (1, 2):
        (tmp_path / "f").mkdir()
        (tmp_path / "f" / "mine").write_text(str(number))
        assert full(tmp_path / "f")
        put(tmp_path / "f", "text")
        assert (tmp_path / f"f.aside-{number}" / "mine").read_text() == str(number)
        assert (tmp_path / "f").read_text() == "text"
        (tmp_path / "f").unlink()


def test_files_and_links_stay(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "mine").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    (tmp_path / "file").write_text("text")
    for name in ("link", "file", "nothing"):
        assert not full(tmp_path / name) and make_way(tmp_path / name) is None
    assert sorted(os.listdir(tmp_path)) == ["file", "folder", "link"]
