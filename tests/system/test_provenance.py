"""Canonical text and content hashes never change; where a number was made is told without names."""

import hashlib
import platform
import shutil
import subprocess
import sys

import pytest

from simbench.system.provenance import canonical, commit, digest, machine, versions


def test_canonical_text_does_not_depend_on_the_order_of_keys():
    one, two = {"b": [1.5, None], "a": {"y": True, "x": "é"}}, {"a": {"x": "é", "y": True}, "b": (1.5, None)}
    assert canonical(one) == canonical(two) == '{"a":{"x":"é","y":true},"b":[1.5,null]}'


def test_canonical_text_depends_on_the_order_of_lists_and_on_types():
    assert len({canonical(data) for data in ([1, 2], [2, 1], [1, 2.0], ["1", 2], [True, 2])}) == 5


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_canonical_text_refuses_numbers_that_are_not_finite(number):
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical({"value": [number]})


def test_canonical_text_refuses_what_is_not_plain_data():
    with pytest.raises(TypeError):
        canonical({"value": {1, 2}})


def test_digests_are_pinned():
    assert digest(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2
    assert digest({"b": 1, "a": "é"}) == hashlib.sha256('{"a":"é","b":1}'.encode()).hexdigest()
    assert digest({"b": 1, "a": "é"}) == "aa58fba8483623bed37c1b02edfccbdd9a53123837c20bfa4cb4049993a2872e"


def test_bytes_and_text_have_different_digests():
    assert digest(b"abc") != digest("abc") == hashlib.sha256(b'"abc"').hexdigest()


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A git repository with one commit of one file."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "file").write_text("one")
    for words in (
        ["init", "-q"],
        ["add", "file"],
        ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false", "commit", "-qm", "one"],
    ):
        subprocess.run(["git", *words], cwd=folder, check=True)
    return folder


def test_commit_is_the_head_with_a_plus_when_the_tree_is_changed(repository):
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=repository, capture_output=True, text=True).stdout.strip()
    assert len(head) == 40 and commit(repository) == head
    (repository / "untracked").write_text("")
    assert commit(repository) == head
    (repository / "file").write_text("two")
    assert commit(repository) == head + "+"


def test_commit_outside_git_is_empty(repository, monkeypatch):
    assert commit(repository.parent) == ""
    monkeypatch.setenv("PATH", "")
    assert commit(repository) == ""


def test_versions_are_read_without_importing_the_packages():
    code = (
        "import sys; from simbench.system.provenance import versions; found = versions(); "
        "assert 'torch' in found and 'torch' not in sys.modules and 'numpy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert versions()["python"] == platform.python_version() and {"simbench", "torch", "numpy"} <= versions().keys()


def test_machine_names_the_hardware_and_not_the_host():
    found = machine()
    assert found.keys() == {"system", "processor", "cores", "memory"} and int(found["cores"]) >= 1
    assert platform.node() == "" or platform.node() not in found.values()
