"""`simbench cache`"""

from __future__ import annotations


def test_an_empty_cache_is_said_to_be_empty(call, cache):
    done = call("cache")
    assert done.code == 0 and done.out.split() == ["cache", "folder:", str(cache), "empty"] and not cache.exists()


def test_contents_are_shown_with_sizes_and_cleared(call, cache):
    (cache / "weights").mkdir(parents=True)
    (cache / "weights" / "x.pt").write_bytes(b"0" * 2**21)
    (cache / "mine.txt").write_text("not simbench's")
    assert [line.split() for line in call("cache").out.splitlines()[1:]][-1] == ["weights", "1", "2.0"]
    done = call("cache", "--clear")
    assert done.code == 0 and "removed 1 files, 2.0 MiB" in done.out
    assert [path.name for path in cache.iterdir()] == ["mine.txt"]


def test_the_variable_of_the_folder_is_not_an_option_of_the_verb(call, cache):
    """SIMBENCH_CACHE is also what variables for options of `cache` begin with."""
    (cache / "weights").mkdir(parents=True)
    (cache / "weights" / "x.pt").write_bytes(b"0")
    assert call("cache").code == 0 and (cache / "weights" / "x.pt").exists()
