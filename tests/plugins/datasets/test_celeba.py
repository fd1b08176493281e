"""CelebA through torchvision's own code, on twelve faces in the published format; Google Drive is a folder here."""

import os
import pickle
import shutil
import subprocess
import sys
import tracemalloc
import types
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from simbench_plugins.datasets import decoded
from simbench_plugins.datasets.celeba import ARCHIVE, ATTRIBUTES, IMAGES, CelebA
from small_faces import PARTITION, TEST, TRAIN, Faces, table
from small_publications import md5
from torchvision import transforms
from torchvision.datasets import CelebA as Original

import simbench
from simbench import Dataset, InputError
from simbench.networks.inputs import draw


@pytest.fixture
def faces(tmp_path, monkeypatch) -> Faces:
    """The twelve faces, which torchvision expects."""
    rng, folder = np.random.default_rng(0), tmp_path / "published"
    (folder / IMAGES).mkdir(parents=True)
    attributes = rng.choice([-1, 1], (len(PARTITION), len(ATTRIBUTES)))
    names = [f"{at + 1:06d}.jpg" for at in range(len(PARTITION))]
    for name in names:
        coarse = Image.fromarray(rng.integers(0, 256, (11, 9, 3), dtype=np.uint8))
        coarse.resize((178, 218), Image.Resampling.BICUBIC).save(folder / IMAGES / name)
    with zipfile.ZipFile(folder / ARCHIVE, "w") as out:
        for name in names:
            out.write(folder / IMAGES / name, f"{IMAGES}/{name}")
    table(folder / "list_attr_celeba.txt", names, attributes, [str(len(names)), " ".join(ATTRIBUTES) + " "])
    table(folder / "list_eval_partition.txt", names, np.array(PARTITION)[:, None], [])
    table(folder / "identity_CelebA.txt", names, rng.integers(1, 99, (len(names), 1)), [])
    table(folder / "list_bbox_celeba.txt", names, rng.integers(0, 99, (len(names), 4)), ["12", "image_id x y w h"])
    table(folder / "list_landmarks_align_celeba.txt", names, rng.integers(0, 99, (len(names), 10)), ["12", "a b c"])
    monkeypatch.setattr(Original, "file_list", [(name, md5(folder / name), name) for *_, name in Original.file_list])
    return Faces(folder, attributes)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache folder, and no gdown."""
    monkeypatch.setenv("SIMBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(sys.modules, "gdown", None)
    return tmp_path / "cache/datasets"


@pytest.fixture
def drive(faces, monkeypatch):
    """Names of the files that were fetched from the drive."""
    fetched, gdown = [], types.ModuleType("gdown")

    def download(id, output, quiet, user_agent):  # the names of gdown's own
        fetched.append(id)
        shutil.copy(faces.folder / id, output)

    gdown.download = download
    monkeypatch.setitem(sys.modules, "gdown", gdown)
    return fetched


def by_hand(faces: Faces, cache: Path, unpacked: bool) -> None:
    """Everything but the archive, or everything but the unpacked images."""
    shutil.copytree(
        faces.folder,
        cache / "celeba",
        ignore=shutil.ignore_patterns(ARCHIVE if unpacked else IMAGES),
        dirs_exist_ok=True,
    )


@pytest.fixture
def there(faces, cache):
    by_hand(faces, cache, unpacked=True)
    return faces


def reason(data: Dataset) -> str:
    with pytest.raises(InputError) as caught:
        data.prepare()
    message = str(caught.value)
    assert "\n" not in message and message.startswith("celeba: ")
    return message


# What is read


def test_it_is_fetched_and_decoded_once(faces, drive, cache, monkeypatch, capsys):
    value = CelebA(size=8).fingerprint()
    assert sorted(drive) == sorted(name for *_, name in Original.file_list)
    captured = capsys.readouterr()
    assert captured.out == "" and "decoding the 10 images" in captured.err
    monkeypatch.setattr(Image, "open", lambda *_: pytest.fail("an image was decoded again"))
    shutil.rmtree(cache / "celeba")
    again = CelebA(size=8)
    again.prepare()
    assert again.fingerprint() == value and len(again.split("train").inputs) == len(TRAIN)
    assert len(drive) == 6 and capsys.readouterr().err == ""


@pytest.mark.parametrize("name, rows", [("train", TRAIN), ("test", TEST)])
def test_size_224_is_the_crop_on_which_the_matching_paper_evaluates(there, name, rows):
    official = transforms.Compose([transforms.Resize((256, 256)), transforms.CenterCrop(224)])
    images = CelebA(size=224).split(name).inputs
    assert images.shape == (len(rows), 3, 224, 224) and images.dtype == np.uint8
    for image, at in zip(images, rows, strict=True):
        assert np.array_equal(image.transpose(1, 2, 0), np.asarray(official(there.image(at))))


def test_other_sizes_show_the_same_part_of_the_image(there):
    small, large = (CelebA(size=size).split("test").inputs.astype(float) for size in (16, 224))
    blocks = large.reshape(-1, 3, 16, 14, 16, 14).mean((3, 5))
    assert np.abs(small - blocks).mean() < 5 < np.abs(small - blocks[..., ::-1]).mean()


def test_labels_are_forty_zeros_and_ones_in_the_order_of_the_attributes(there):
    data = CelebA(size=8)
    for name, rows in (("train", TRAIN), ("test", TEST)):
        labels = data.split(name).labels
        assert np.array_equal(labels, there.attributes[rows] == 1) and labels.dtype == np.int64
    assert data.classes == len(data.attributes) == len(set(data.attributes)) == 40
    assert data.attributes.index("Male") == 20 and data.attributes.index("Smiling") == 31


def test_the_statistics_are_minus_one_to_one_and_those_of_the_matching_paper():
    x = np.array([0, 117, 255]) / 255
    for normalisation, expected in (("symmetric", 2 * x - 1), ("inception", 255 * x - 117)):
        data = CelebA(normalisation=normalisation)
        for mean, std in zip(data.mean, data.std, strict=True):
            assert (x - mean) / std == pytest.approx(expected, abs=1e-12)


# What is put there by hand


def test_a_copy_put_there_by_hand_is_taken_zipped_or_not(faces, cache):
    values = []
    for unpacked in (True, False):
        by_hand(faces, cache, unpacked)
        values.append(CelebA(size=8).fingerprint())
        assert sorted(os.listdir(cache / "celeba")) == sorted(
            {*os.listdir(faces.folder)} - {ARCHIVE} if unpacked else os.listdir(faces.folder)
        )
        shutil.rmtree(cache)
    assert values[0] == values[1]


# What is refused


def test_without_gdown_the_error_says_what_to_do(faces, cache):
    message = reason(CelebA())
    assert f"no usable copy is in {cache / 'celeba'}" in message and "pip install gdown" in message
    for *_, name in Original.file_list:
        assert f"{name} (md5 {md5(faces.folder / name)})" in message
    assert "there by hand, from http://mmlab.ie.cuhk.edu.hk/" in message


def test_a_drive_that_refuses_is_an_error_of_one_line(faces, drive, monkeypatch):
    def refuse(**_):
        raise OSError("Failed to retrieve file url:\n\n\tToo many users have viewed or downloaded this file")

    monkeypatch.setattr(sys.modules["gdown"], "download", refuse)
    assert (
        "fetching https://drive.google.com/uc?id=img_align_celeba.zip failed (OSError: Failed to retrieve file "
        "url: Too many users" in reason(CelebA())
    )


def test_a_broken_archive_is_named(faces, cache):
    by_hand(faces, cache, unpacked=False)
    archive = cache / "celeba" / ARCHIVE
    archive.write_bytes(archive.read_bytes()[:-10])
    message = reason(CelebA())
    assert f"the {ARCHIVE} in {archive.parent} is broken or incomplete" in message and message.count("(md5 ") == 1


def test_a_missing_list_is_named_alone(there, cache):
    (cache / "celeba/list_attr_celeba.txt").unlink()
    message = reason(CelebA())
    assert "put list_attr_celeba.txt (md5" in message and ARCHIVE not in message


@pytest.mark.parametrize("content", [None, b"", "half"])
def test_an_unreadable_image_is_named_and_leaves_nothing_behind(there, cache, content):
    broken = cache / "celeba" / IMAGES / "000010.jpg"
    whole = broken.read_bytes()
    broken.unlink()
    if content is not None:
        broken.write_bytes(whole[: len(whole) // 2] if content == "half" else content)
    message = reason(CelebA())
    assert f"{broken} cannot be read as an image" in message and f"remove the folder {broken.parent}" in message
    assert [entry.name for entry in cache.iterdir()] == ["celeba"]
    broken.write_bytes(whole)
    CelebA().prepare()


@pytest.mark.parametrize("given", ["size=0", "size=big", "normalisation=imagenet"])
def test_parameters_are_checked(given):
    with pytest.raises(InputError, match=r"celeba.*; "):
        simbench.load().get("datasets", f"celeba[{given}]")


@pytest.mark.parametrize("name", ["train-images.npy", "test-labels.npy"])
def test_damaged_images_are_decoded_again_and_without_the_originals_an_error(there, cache, name, capsys):
    data = CelebA(size=8)
    value, images, labels = data.fingerprint(), data.split("train").inputs.copy(), data.split("test").labels.copy()

    def flip() -> None:
        content = bytearray((data._decoded / name).read_bytes())
        content[-8] ^= 1
        (data._decoded / name).write_bytes(content)
        capsys.readouterr()

    flip()
    fresh = CelebA(size=8)
    assert np.array_equal(fresh.split("train").inputs, images) and np.array_equal(fresh.split("test").labels, labels)
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{name} is missing or damaged" in line and fresh.fingerprint() == value
    flip()
    shutil.rmtree(cache / "celeba")
    assert "no usable copy" in reason(CelebA(size=8))


# Memory, and the fingerprint


@pytest.mark.long
def test_decoding_and_hashing_hold_a_block_of_images_in_memory(there):
    """On one thread, so that it does not depend on who is ahead."""
    data = CelebA(size=800)
    data.prepare()  # imports what it needs

    def peak(block: int) -> float:
        """In images."""
        one_by_one = type("OneByOne", (CelebA,), {"pace": decoded.Pace(block, chunk=1, threads=1)})
        shutil.rmtree(data._decoded)
        tracemalloc.start()
        one_by_one(size=800).prepare()
        held = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return held / (3 * 800 * 800)

    small, whole = peak(2), peak(100)
    assert len(TRAIN) < whole and small < whole - (len(TRAIN) - 2) / 2


def test_only_the_images_that_are_drawn_are_copied(there):
    split = CelebA(size=8).split("train")
    assert isinstance(split.inputs.base, np.memmap)
    images, labels = draw(split, 3, seed=0)
    assert images.shape == (3, 3, 8, 8) and labels.shape == (3, 40)
    for image, label in zip(images.numpy(), labels.numpy(), strict=True):
        assert any(
            np.array_equal(image, known) and np.array_equal(label, said)
            for known, said in zip(split.inputs, split.labels, strict=True)
        )


def test_fingerprint_is_the_contract_s_and_changes_with_size_and_normalisation(there):
    variants = [CelebA(size=8), CelebA(size=9), CelebA(size=8, normalisation="inception")]
    values = [data.fingerprint() for data in variants]
    assert values == [Dataset.fingerprint(data) for data in variants] and len(set(values)) == 3


def test_a_known_fingerprint_is_told_without_torch_or_the_images(there):
    value = CelebA(size=8).fingerprint()
    code = (
        "import sys; from simbench_plugins.datasets.celeba import CelebA; data = CelebA(size=8); data.prepare(); "
        "print(data.fingerprint(), sorted({'torch', 'torchvision', 'numpy', 'PIL'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], env=os.environ, capture_output=True, text=True, check=True)
    assert done.stdout == f"{value} []\n" and done.stderr == ""


def test_an_object_that_was_read_stays_small_to_send(there):
    data = CelebA(size=8)
    images = data.split("train").inputs
    copy = pickle.loads(pickle.dumps(data))
    assert len(pickle.dumps(data)) < 1000 and copy == data and np.array_equal(copy.split("train").inputs, images)
