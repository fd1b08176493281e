"""Decoded images are verified when they are read; what is damaged is decoded again, and said."""

import json
import os
import shutil
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from simbench_plugins.datasets import decoded
from simbench_plugins.datasets.imagefolder import SPLITS, ImageFolder

from simbench import InputError

FILES = [f"{split}-{what}.npy" for split in SPLITS for what in ("images", "labels")]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SIMBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache/datasets"


@pytest.fixture
def root(tmp_path) -> Path:
    rng = np.random.default_rng(0)
    for split in SPLITS:
        for label in ("cat", "dog"):
            folder = tmp_path / "pets" / split / label
            folder.mkdir(parents=True)
            for i in range(3):
                Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(folder / f"{i}.png")
    return tmp_path / "pets"


def given(root: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The images and labels in the files, read by this test."""
    found = {}
    for split in SPLITS:
        files = sorted((root / split).rglob("*.png"))
        found[split] = (
            np.stack([np.asarray(Image.open(file)).transpose(2, 0, 1) for file in files]),
            np.array([file.parent.name == "dog" for file in files], np.int64),
        )
    return found


def right(data: ImageFolder, root: Path) -> bool:
    return all(
        np.array_equal(data.split(name).inputs, images) and np.array_equal(data.split(name).labels, labels)
        for name, (images, labels) in given(root).items()
    )


def flipped(file: Path) -> None:
    """The last byte, with the size and the time of the last change as they were."""
    status, content = file.stat(), bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


def header(file: Path) -> None:
    """Another shape of as many bytes."""
    array = np.load(file)
    np.save(file, array.reshape(-1, 1, *array.shape[1:]).swapaxes(0, 1))


def of_floats(file: Path) -> None:
    np.save(file, np.load(file).astype(np.float32))


def emptied(file: Path) -> None:
    file.write_bytes(b"")


def truncated(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def missing(file: Path) -> None:
    file.unlink()


def folder_in_its_place(file: Path) -> None:
    file.unlink()
    (file / "deep").mkdir(parents=True)


@pytest.mark.parametrize("damage", [flipped, header, of_floats, emptied, truncated, missing, folder_in_its_place])
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_array_is_decoded_again_with_one_line(root, damage, name, capsys):
    data = ImageFolder(str(root), size=8)
    value = data.fingerprint()
    assert right(data, root)
    capsys.readouterr()
    damage(data._decoded / name)
    fresh = ImageFolder(str(root), size=8)
    assert right(fresh, root) and fresh.fingerprint() == value
    lines = capsys.readouterr().err.splitlines()
    assert f"{name} is missing or damaged; its images are decoded again" in lines[0] and len(lines) == 1
    assert right(data, root) and capsys.readouterr().err == ""


@pytest.mark.parametrize("damage", [flipped, emptied, missing, folder_in_its_place])
def test_the_list_of_hashes_is_not_believed_when_it_is_damaged(root, damage, capsys):
    data = ImageFolder(str(root), size=8)
    value = data.fingerprint()
    damage(data._decoded / decoded.CONTENTS)
    assert ImageFolder(str(root), size=8).fingerprint() == value and right(data, root)
    assert f"{decoded.CONTENTS} is missing or damaged" in capsys.readouterr().err


@pytest.mark.parametrize("digit", [0, 30, 63])
def test_a_flipped_digit_in_the_kept_fingerprint_is_seen(root, digit, capsys):
    data = ImageFolder(str(root), size=8)
    value = data.fingerprint()
    (file,) = data._decoded.glob("fingerprint-*")
    wrong = value[:digit] + ("1" if value[digit] == "0" else "0") + value[digit + 1 :]
    file.write_text(file.read_text().replace(value, wrong))
    assert ImageFolder(str(root), size=8).fingerprint() == value
    assert "is damaged; it is computed again" in capsys.readouterr().err
    folder_in_its_place(file)
    assert ImageFolder(str(root), size=8).fingerprint() == value and file.is_file()


def test_images_of_before_there_were_hashes_are_decoded_anew(root):
    data = ImageFolder(str(root), size=8)
    value = data.fingerprint()
    for file in data._decoded.glob("*.json"):
        file.unlink()
    wrong = np.load(data._decoded / "test-labels.npy")
    np.save(data._decoded / "test-labels.npy", 1 - wrong)
    (data._decoded / "fingerprint-cifar10.txt").write_text("0" * 64)
    assert ImageFolder(str(root), size=8).fingerprint() == value and right(data, root)


def test_a_file_in_place_of_the_folder_gives_way(root):
    data = ImageFolder(str(root), size=8)
    data.prepare()
    shutil.rmtree(data._decoded)
    data._decoded.write_text("")
    assert right(ImageFolder(str(root), size=8), root)


def test_damage_that_cannot_be_mended_is_one_line(root):
    data = ImageFolder(str(root), size=8)
    data.prepare()
    flipped(data._decoded / "train-images.npy")
    (root / "train/cat/0.png").unlink()
    with pytest.raises(InputError, match="have changed since they were listed") as caught:
        data.split("train")
    shutil.rmtree(root)
    with pytest.raises(InputError, match="there is no folder") as gone:
        data.split("train")
    assert "\n" not in str(caught.value) + str(gone.value)


def test_images_that_decode_to_others_than_before_are_not_taken_for_them(root, monkeypatch):
    """Another version of Pillow, or files exchanged with their times kept."""
    data = ImageFolder(str(root), size=8)
    value = data.fingerprint()
    image = root / "test/cat/0.png"
    status = image.stat()
    whole = data.split("test").inputs.copy()
    Image.fromarray(255 - whole[0].transpose(1, 2, 0)).save(root / "other.png")
    content = (root / "other.png").read_bytes()[: status.st_size].ljust(status.st_size, b"\0")
    image.write_bytes(content)
    os.utime(image, ns=(status.st_atime_ns, status.st_mtime_ns))
    flipped(data._decoded / "train-labels.npy")
    fresh = ImageFolder(str(root), size=8)
    with pytest.raises(InputError, match="are others than before .*run the same command again"):
        fresh.split("test")
    again = ImageFolder(str(root), size=8)
    assert again.fingerprint() != value and not np.array_equal(again.split("test").inputs, whole)


def test_a_new_process_verifies_and_one_that_only_tells_the_fingerprint_reads_nothing(root):
    data = ImageFolder(str(root), size=8)
    value = data.fingerprint()
    code = (
        "import sys; from simbench_plugins.datasets.imagefolder import ImageFolder; from simbench.system import seals; "
        "seals._hashed = lambda *_: 1 / 0; data = ImageFolder(sys.argv[1], size=8); data.prepare(); "
        "print(data.fingerprint())"
    )
    done = subprocess.run([sys.executable, "-c", code, str(root)], capture_output=True, text=True, check=True)
    assert done.stdout == f"{value}\n" and done.stderr == ""
    flipped(data._decoded / "test-labels.npy")
    code = (
        "import sys; from simbench_plugins.datasets.imagefolder import ImageFolder; "
        "print(*ImageFolder(sys.argv[1], size=8).split('test').labels)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(root)], capture_output=True, text=True, check=True)
    assert done.stdout == "0 0 0 1 1 1\n" and "test-labels.npy is missing or damaged" in done.stderr


def test_who_reads_while_others_mend_reads_whole_images(root):
    """Each of 40 readers finds the arrays damaged, mended or being mended."""
    data = ImageFolder(str(root), size=8)
    data.prepare()

    def reads(turn: int) -> bool:
        if turn % 4 == 0:
            decoded.write(data._decoded, *_splits(root))
        return right(ImageFolder(str(root), size=8), root)

    flipped(data._decoded / "train-images.npy")
    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(reads, range(40)))


def _splits(root: Path):
    whole = given(root)
    return (
        {name: (list(range(len(labels))), labels) for name, (_, labels) in whole.items()},
        lambda name, at: whole[name][0][at],
        8,
        False,
    )


def test_hashes_are_of_what_was_written_not_of_what_the_disk_made_of_it(root, monkeypatch):
    class Lossy:
        """A disk that drops the last byte of what it is given."""

        def __init__(self, file):
            self.file = file

        def write(self, data):
            return self.file.write(bytes(data)[:-1])

    whole = decoded.Hashed
    monkeypatch.setattr(decoded, "Hashed", lambda file: whole(Lossy(file)))
    with pytest.raises(InputError, match="is damaged again right after it was written"):
        ImageFolder(str(root), size=8).split("test")


def test_files_are_readable_by_others(root):
    data = ImageFolder(str(root), size=8)
    data.prepare()
    for file in data._decoded.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) & 0o444 == 0o444
    assert json.loads((data._decoded / decoded.CONTENTS).read_text()).keys() >= set(FILES)
