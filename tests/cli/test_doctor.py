"""`simbench doctor` names whatever is damaged, and removes what the next run computes again."""

from __future__ import annotations

import hashlib
import shutil

import pytest

from simbench.system.seals import sealed

#: A name that simbench gives.
HASH = hashlib.sha256(b"identity").hexdigest()


@pytest.fixture
def results(finished, tmp_path, monkeypatch):
    """A copy of the finished run, and a cache of its own."""
    cache = tmp_path / "cache"
    (cache / "weights").mkdir(parents=True)
    (cache / "weights" / f"{HASH}.pt").write_bytes(b"weights")
    (cache / "weights" / f"{HASH}.json").write_text(
        sealed({"file": hashlib.sha256(b"weights").hexdigest(), "weights": "", "identity": {}})
    )
    images = cache / "datasets" / "some"
    images.mkdir(parents=True)
    (images / "train-images.npy").write_bytes(b"images")
    (images / "contents.json").write_text(sealed({"train-images.npy": hashlib.sha256(b"images").hexdigest()}))
    (cache / "panels").mkdir()
    (cache / "panels" / f"{hashlib.sha256(b'panel').hexdigest()}.safetensors").write_bytes(b"panel")
    (cache / "datasets" / "letters").mkdir()
    (cache / "datasets" / "letters" / "train.bin").write_bytes(b"letters")
    contents = {"train.bin": hashlib.sha256(b"letters").hexdigest()}
    note = {"key": "k", "fingerprint": "f", "folder": "letters", "contents": contents}
    (cache / "datasets" / "letters.json").write_text(sealed(note))
    monkeypatch.setenv("SIMBENCH_CACHE", str(cache))
    shutil.copytree(finished.folder / "simbench-results", tmp_path / "r")
    return tmp_path / "r"


def test_a_sound_folder_has_no_bad_files(call, results):
    done = call("doctor", str(results))
    assert done.code == 0 and done.out.startswith("0 bad files in ") and done.err == ""


#: Kind of file -> where one lies.
BAD = {
    "record": "r/records/*/*.json",
    "arrays": "r/records/*/*.npz",
    "measurements": "r/measurements.csv",
    "methods": "r/methods.csv",
    "timings": "r/timings.csv",
    "correlations": "r/correlations.csv",
    "leaderboard": "r/leaderboard.csv",
    "weights": "cache/weights/*.pt",
    "sidecar": "cache/weights/*.json",
    "images": "cache/datasets/some/train-images.npy",
    "panel": "cache/panels/*.safetensors",
    "note": "cache/datasets/letters.json",
    "hashes": "cache/datasets/some/contents.json",
}


def named_and_healed(call, results, files) -> bool:
    """Whether the doctor names files that are damaged, and removes them when it is asked to heal."""
    for bad in files:
        bad.write_bytes(b"x" + bad.read_bytes()[1:-1])
    done = call("doctor", str(results))
    assert done.code == 1 and all(f"{bad} is " in done.out and bad.exists() for bad in files)
    return call("doctor", str(results), "--heal").code == 0 and not any(bad.exists() for bad in files)


@pytest.mark.long
@pytest.mark.parametrize("kind", BAD)
def test_a_damaged_file_is_named_and_healed(call, results, tmp_path, kind):
    assert named_and_healed(call, results, [next(tmp_path.glob(BAD[kind]))])


#: Kinds that hide no other kind: tables are stale where a record is bad, and hashes say what lies beside them.
ONES = ["record", "weights", "images", "panel", "note"]
OTHERS = ["measurements", "methods", "timings", "correlations", "leaderboard", "sidecar", "hashes"]


@pytest.mark.parametrize("kinds", [ONES, pytest.param(OTHERS, marks=pytest.mark.long)])
def test_damaged_files_are_named_and_healed(call, results, tmp_path, kinds):
    assert named_and_healed(call, results, [next(tmp_path.glob(BAD[kind])) for kind in kinds])


def test_what_cannot_be_computed_again_is_kept(call, results):
    run = next((results / "runs").glob("*.json"))
    run.write_text("{}")
    done = call("doctor", str(results), "--heal")
    assert done.code == 1 and f"{run} is corrupt; cannot be computed again: kept" in done.out and run.exists()


def test_a_folder_in_the_place_of_a_file_is_moved_aside_with_what_it_holds(call, results, tmp_path):
    bad = [min(tmp_path.glob(BAD[kind])) for kind in ("record", "weights", "images")] + [
        max(tmp_path.glob(BAD["arrays"]))
    ]
    for path in bad:
        path.unlink()
        path.mkdir()
        (path / "mine.json").write_text("notes")
    done = call("doctor", str(results))
    assert not [path for path in bad if f"{path} is " not in done.out]
    assert "--heal moves it aside" in done.out
    assert "mine.json is" not in done.out
    done = call("doctor", str(results), "--heal")
    assert done.code == 0 and not any(path.exists() for path in bad)
    for path in bad:
        moved = path.with_name(f"{path.name}.aside-1")
        assert (moved / "mine.json").read_text() == "notes" and f"moved to {moved}" in done.out
    assert call("doctor", str(results)).out.count("\n") == 1


def test_a_file_that_simbench_did_not_name_is_kept(call, results, tmp_path):
    mine = [results / "records/notes.json", tmp_path / "cache/weights/mine.pt", tmp_path / "cache/graphs/mine.json"]
    for path in mine:
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine")
    done = call("doctor", str(results), "--heal")
    assert done.code == 1 and done.out.count("cannot be computed again: kept") == 3
    assert all(path.read_text() == "mine" for path in mine)


@pytest.mark.parametrize("lost", [False, pytest.param(True, marks=pytest.mark.long)])
def test_a_fetched_file_that_is_damaged_or_lost_is_named_and_kept(call, results, tmp_path, lost):
    bad = tmp_path / "cache/datasets/letters/train.bin"
    bad.unlink() if lost else bad.write_bytes(b"lettres")
    done = call("doctor", str(results), "--heal")
    assert done.code == 1 and f"{bad} is missing or not what was fetched" in done.out and bad.exists() != lost
    assert done.out.splitlines()[0].endswith("kept")


def test_a_folder_that_is_not_there_is_one_line(call):
    done = call("doctor", "nowhere")
    assert done.code == 2 and done.err == "simbench: results folder 'nowhere' is not there; give the folder of a run\n"
