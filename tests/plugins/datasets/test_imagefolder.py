"""Folders of images: what is read, what is refused, and what is remembered."""

import os
import pickle
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from simbench_plugins.datasets import decoded
from simbench_plugins.datasets.imagefolder import SPLITS, ImageFolder

import simbench
from simbench import Dataset, InputError
from simbench.contracts.selection import Setting


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SIMBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache/datasets"


def noise(seed: int, height: int = 32, width: int = 32) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def save(pixels: np.ndarray, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(file)


def tree(root: Path, classes: tuple[str, ...] = ("cat", "dog"), n: int = 3, suffix: str = ".png") -> Path:
    """n different images in each class of each split."""
    for at, split in enumerate(SPLITS):
        for label, name in enumerate(classes):
            for i in range(n):
                save(noise(100 * at + 10 * label + i), root / split / name / f"{i}{suffix}")
    return root


@pytest.fixture
def root(tmp_path):
    return tree(tmp_path / "pets")


def reason(data: Dataset) -> str:
    with pytest.raises(InputError) as caught:
        data.prepare()
    assert "\n" not in str(caught.value)
    return str(caught.value)


# What is read


def test_images_follow_each_other_by_class_and_name(root):
    data = ImageFolder(str(root))
    for at, split in enumerate(SPLITS):
        part = data.split(split)
        expected = [noise(100 * at + 10 * label + i).transpose(2, 0, 1) for label in range(2) for i in range(3)]
        assert np.array_equal(part.inputs, expected) and part.inputs.dtype == np.uint8
        assert part.labels.tolist() == [0, 0, 0, 1, 1, 1] and part.labels.dtype == np.int64
    assert (data.channels, data.classes) == (3, 2)


def test_with_other_outputs_than_classes_it_has_no_labels(root):
    data = ImageFolder(str(root))
    without = data.unlabelled(1000)
    assert (without.classes, without.labelled, data.labelled) == (1000, False, True)
    assert without.label == "imagefolder[path=pets,outputs=1000]"
    for split in SPLITS:
        assert np.array_equal(without.split(split).inputs, data.split(split).inputs)
        assert without.split(split).labels.tolist() == [0] * 6
    assert len({data.fingerprint(), without.fingerprint(), data.unlabelled(10).fingerprint()}) == 3


@pytest.mark.parametrize("suffix", [".jpg", ".JPEG", ".bmp", ".ppm", ".tiff", ".webp"])
def test_other_formats_are_read_as_pillow_reads_them(tmp_path, suffix):
    root = tree(tmp_path / "pets", n=1, suffix=suffix)
    with Image.open(root / f"train/dog/0{suffix}") as image:
        expected = np.asarray(image.convert("RGB")).transpose(2, 0, 1)
    assert np.array_equal(ImageFolder(str(root)).split("train").inputs[1], expected)


def test_grey_palette_and_transparent_images_become_rgb(root):
    save(noise(7)[..., 0], root / "train/cat/0.png")
    Image.fromarray(noise(8)).quantize(16).save(root / "train/cat/1.png")
    save(np.dstack([noise(9), np.full((32, 32), 128, np.uint8)]), root / "train/cat/2.png")
    grey, palette, transparent = ImageFolder(str(root)).split("train").inputs[:3]
    assert np.array_equal(grey, [noise(7)[..., 0]] * 3)
    assert palette.shape == (3, 32, 32) and len(np.unique(palette.reshape(3, -1), axis=1).T) <= 16
    assert np.array_equal(transparent, noise(9).transpose(2, 0, 1))


def test_a_linear_ramp_stays_linear_when_resized(root):
    # Pixel i of the halved image covers pixels 2i and 2i + 1 of the ramp 4x: 4 (2i + 1/2) = 8i + 2.
    save(np.tile(np.arange(64, dtype=np.uint8) * 4, (40, 1)), root / "train/cat/0.png")
    image = ImageFolder(str(root)).split("train").inputs[0]
    assert image.shape == (3, 32, 32)
    assert np.array_equal(image[:, :, 1:-1], np.broadcast_to(8 * np.arange(1, 31) + 2, (3, 32, 30)))


def test_size_sets_the_pixels_per_side(root):
    save(np.full((5, 90, 3), 77, np.uint8), root / "test/dog/2.png")
    images = ImageFolder(str(root), size=48).split("test").inputs
    assert images.shape == (6, 3, 48, 48) and (images[-1] == 77).all()


def test_hidden_and_other_files_are_passed_over(root):
    expected = ImageFolder(str(root)).fingerprint()
    (root / "train/cat/._0.png").write_bytes(b"resource fork")
    (root / "train/cat/notes.txt").write_text("notes")
    (root / "train/.thumbnails").mkdir()
    assert ImageFolder(str(root)).fingerprint() == expected


def test_the_number_of_threads_changes_nothing(root, tmp_path, monkeypatch):
    class Threaded(ImageFolder):
        threaded, pace = 0, decoded.Pace(block=4, chunk=1)  # two blocks, the last one shorter

    first = ImageFolder(str(root)).split("train").inputs
    monkeypatch.setenv("SIMBENCH_CACHE", str(tmp_path / "other"))
    assert np.array_equal(Threaded(str(root)).split("train").inputs, first)


def test_torch_takes_the_mapped_arrays_without_a_warning_and_the_files_stay(root):
    import torch

    data = ImageFolder(str(root))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        torch.from_numpy(data.split("train").inputs).zero_()
    assert data.split("train").inputs.any()


# What is refused


def test_no_folder_is_an_error_that_shows_the_form():
    assert "imagefolder[path=DIR]" in reason(ImageFolder())


@pytest.mark.parametrize("lost", ["", "train", "test"])
def test_a_missing_folder_is_named(root, lost):
    shutil.rmtree(root / lost)
    assert f"there is no folder {root / lost};" in reason(ImageFolder(str(root)))


def test_differing_classes_are_named(root):
    (root / "train/cat").rename(root / "train/bird")
    message = reason(ImageFolder(str(root)))
    assert "only train has bird; only test has cat" in message and str(root) in message


@pytest.mark.skipif(sys.platform == "darwin", reason="its file systems refuse names that are no text")
@pytest.mark.parametrize("there", ["dog", "dog/0.png"])
def test_a_name_that_is_no_text_is_refused(root, there):
    given = root / "train" / there
    if given.suffix and not given.exists():
        sorted(given.parent.iterdir())[0].rename(given)
    os.rename(given, os.fsencode(given.parent) + b"/\xff\n" + os.fsencode(given.suffix))
    message, folder = reason(ImageFolder(str(root))), given.parent if given.suffix else root
    assert f"{folder} holds b'\\xff\\n" in message and "cannot be printed; rename it" in message


def test_one_class_is_too_few(root):
    for split in SPLITS:
        shutil.rmtree(root / split / "dog")
    assert "has 1 class folder(s); it must have at least two" in reason(ImageFolder(str(root)))


def test_a_class_without_images_is_named(root):
    for file in (root / "test/dog").iterdir():
        file.rename(file.with_suffix(".txt"))
    message = reason(ImageFolder(str(root)))
    assert f"{root / 'test/dog'} has no images" in message and ".png" in message


@pytest.mark.parametrize("content", [b"", b"not an image", "half"])
def test_an_unreadable_image_is_named_and_leaves_nothing_behind(root, cache, content):
    broken = root / "test/dog/1.png"
    broken.write_bytes(broken.read_bytes()[:1500] if content == "half" else content)
    message = reason(ImageFolder(str(root)))
    assert f"{broken} cannot be read as an image" in message and "replace or remove it" in message
    assert list(cache.iterdir()) == []
    save(noise(1), broken)
    ImageFolder(str(root)).prepare()


def test_more_than_8_bits_are_refused_rather_than_clipped(root):
    Image.fromarray(np.arange(1024, dtype=np.uint16).reshape(32, 32) * 60).save(root / "train/cat/1.png")
    message = reason(ImageFolder(str(root)))
    assert "1.png" in message and "more than 8 bits" in message


def test_a_cache_folder_that_cannot_be_made_is_an_error(root, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SIMBENCH_CACHE", str(tmp_path / "file/cache"))
    assert str(tmp_path / "file/cache") in reason(ImageFolder(str(root)))


@pytest.mark.parametrize("given", ["size=0", "size=big", "normalisation=digits", "folder=x"])
def test_parameters_are_checked(given):
    with pytest.raises(InputError, match=r"imagefolder.*; "):
        simbench.load().get("datasets", f"imagefolder[path=x,{given}]")


# How it is named


def test_the_label_has_no_path_and_the_spec_has_it_as_typed(root, monkeypatch):
    spec = f"imagefolder[path={root}/,size=16,normalisation=none]"
    data = simbench.load().get("datasets", spec)
    assert data.spec == spec and data.label == "imagefolder[path=pets,size=16,normalisation=none]"
    monkeypatch.chdir(root)
    assert ImageFolder(".").label == "imagefolder[path=pets]" and ImageFolder(".").spec == "imagefolder[path=.]"
    assert ImageFolder().label == "imagefolder"


def test_the_identity_of_results_has_no_path(root):
    data = ImageFolder(str(root))
    assert "pets" not in str(Setting(data, data.fingerprint(), 100).identity)


def test_normalisation_sets_mean_and_std():
    assert ImageFolder().mean == (0.4914, 0.4822, 0.4465) and ImageFolder().std == (0.2023, 0.1994, 0.2010)
    assert ImageFolder(normalisation="imagenet").mean == (0.485, 0.456, 0.406)
    assert ImageFolder(normalisation="none").std == (1.0, 1.0, 1.0)


# The fingerprint


def test_fingerprint_is_the_contract_s_and_the_same_for_a_copy_elsewhere(root, tmp_path):
    data = ImageFolder(str(root))
    copy = shutil.copytree(root, tmp_path / "elsewhere", copy_function=shutil.copyfile)
    assert data.fingerprint() == Dataset.fingerprint(data) == ImageFolder(str(copy)).fingerprint()


def test_fingerprint_changes_with_a_pixel_a_label_the_size_and_the_normalisation(root):
    values = [
        ImageFolder(str(root)).fingerprint(),
        ImageFolder(str(root), size=16).fingerprint(),
        ImageFolder(str(root), normalisation="none").fingerprint(),
    ]
    pixels = noise(0)
    pixels[3, 4, 1] ^= 1
    save(pixels, root / "train/cat/0.png")
    values.append(ImageFolder(str(root)).fingerprint())
    (root / "train/dog/0.png").rename(root / "train/cat/9.png")
    values.append(ImageFolder(str(root)).fingerprint())
    assert len(set(values)) == 5


def test_folders_whose_files_agree_in_name_size_and_time_are_kept_apart(root, tmp_path):
    for at, folder in enumerate(("one", "two")):
        tree(tmp_path / folder, suffix=".bmp")
        save(noise(at), tmp_path / folder / "train/cat/0.bmp")
        for file in (tmp_path / folder).rglob("*.bmp"):
            os.utime(file, (0, 0))
    one, two = (ImageFolder(str(tmp_path / folder)) for folder in ("one", "two"))
    assert one.fingerprint() != two.fingerprint()


# What is remembered


def test_a_second_look_decodes_nothing(root, monkeypatch, capsys):
    first = ImageFolder(str(root))
    value, images = first.fingerprint(), first.split("test").inputs
    captured = capsys.readouterr()
    assert captured.out == "" and "decoding the 12 images" in captured.err
    monkeypatch.setattr(Image, "open", lambda *_: pytest.fail("an image was decoded again"))
    second = ImageFolder(str(root))
    assert second.fingerprint() == value and np.array_equal(second.split("test").inputs, images)
    assert ImageFolder(str(root), normalisation="none").fingerprint() != value
    assert capsys.readouterr().err == ""


def test_a_known_fingerprint_is_told_without_torch_or_the_images(root):
    value = ImageFolder(str(root)).fingerprint()
    code = (
        "import sys; from simbench_plugins.datasets.imagefolder import ImageFolder; "
        f"data = ImageFolder({str(root)!r}); data.prepare(); "
        "print(data.fingerprint(), data.classes, sorted({'torch', 'numpy', 'PIL'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], env=os.environ, capture_output=True, text=True, check=True)
    assert done.stdout == f"{value} 2 []\n" and done.stderr == ""


def test_an_object_that_was_read_stays_small_to_send(root):
    data = ImageFolder(str(root))
    images = data.split("train").inputs
    copy = pickle.loads(pickle.dumps(data))
    assert len(pickle.dumps(data)) < 2000 and copy == data and np.array_equal(copy.split("train").inputs, images)
