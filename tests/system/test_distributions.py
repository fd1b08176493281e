"""Which packages provide which modules: as Python tells, folder by folder."""

from importlib import metadata

from simbench.system.distributions import distributions


def test_it_is_what_python_tells():
    told = metadata.packages_distributions()
    found = distributions()
    assert {top: set(names) for top, names in told.items()} == {top: set(names) for top, names in found.items()}


def test_a_folder_that_comes_onto_the_path_is_seen_and_no_other_is_read_again(tmp_path, monkeypatch):
    before = distributions()
    (tmp_path / "mine-1.0.dist-info").mkdir()
    (tmp_path / "mine-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: Mine\nVersion: 1.0\n")
    (tmp_path / "mine-1.0.dist-info" / "RECORD").write_text("mine.py,,\nmine_too/__init__.py,,\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    read, of = [], metadata.distributions
    monkeypatch.setattr(metadata, "distributions", lambda **given: read.append(given["path"]) or of(**given))
    assert dict(distributions()) == {**before, "mine": ("Mine",), "mine_too": ("Mine",)}
    assert read == [[str(tmp_path)]]


def test_what_is_installed_into_a_folder_that_was_read_is_seen(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "later" not in distributions()
    (tmp_path / "later-1.0.dist-info").mkdir()
    (tmp_path / "later-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: Later\nVersion: 1.0\n")
    (tmp_path / "later-1.0.dist-info" / "RECORD").write_text("later.py,,\n")
    assert distributions()["later"] == ("Later",)
