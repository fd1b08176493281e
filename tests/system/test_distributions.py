"""Which packages provide which modules: as Python tells, folder by folder."""

import os
from importlib import metadata

from simbench.system.distributions import distributions


def test_it_is_what_python_tells():
    told = metadata.packages_distributions()
    found = distributions()
    assert {top: set(names) for top, names in told.items()} == {top: set(names) for top, names in found.items()}


def install(folder, name: str, *files: str):
    """A distribution of empty modules in a folder."""
    for file in files:
        (folder / file).parent.mkdir(exist_ok=True)
        (folder / file).touch()
    (folder / f"{name}-1.0.dist-info").mkdir()
    (folder / f"{name}-1.0.dist-info" / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (folder / f"{name}-1.0.dist-info" / "RECORD").write_text("".join(f"{file},,\n" for file in files))


def test_a_folder_that_comes_onto_the_path_is_seen_and_no_other_is_read_again(tmp_path, monkeypatch):
    before = distributions()
    install(tmp_path, "Mine", "mine.py", "mine_too/__init__.py")
    monkeypatch.syspath_prepend(str(tmp_path))
    read, of = [], metadata.distributions
    monkeypatch.setattr(metadata, "distributions", lambda **given: read.append(given["path"]) or of(**given))
    assert dict(distributions()) == {**before, "mine": ("Mine",), "mine_too": ("Mine",)}
    assert read == [[str(tmp_path)]]


def test_what_is_installed_into_a_folder_that_was_read_is_seen(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "later" not in distributions()
    install(tmp_path, "Later", "later.py")
    os.utime(tmp_path, (1e9, 1e9))  # a clock of 4 ms may show no change
    assert distributions()["later"] == ("Later",)
