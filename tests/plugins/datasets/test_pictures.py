"""Image files: turned ones are upright, damaged and too large ones are refused by name."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from simbench_plugins.datasets import celeba, pictures
from simbench_plugins.datasets.classfolders import pixels
from simbench_plugins.datasets.imagefolder import SPLITS, ImageFolder

from simbench import InputError

#: EXIF orientation -> how its pixels (height, width) are to be shown, by the table of the standard.
SHOWN = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.T,
    6: lambda a: a.T[:, ::-1],
    7: lambda a: a.T[::-1, ::-1],
    8: lambda a: a.T[::-1],
}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SIMBENCH_CACHE", str(tmp_path / "cache"))


def oriented(file: Path, grey: np.ndarray, orientation: int | None) -> Path:
    """An image file of grey pixels, with an EXIF orientation."""
    exif = Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(grey).save(file, exif=exif, **({"quality": 95} if file.suffix == ".jpg" else {}))
    return file


def folders(root: Path, orientation: int | None) -> ImageFolder:
    """A data set whose first image has an orientation."""
    rng = np.random.default_rng(0)
    for split in SPLITS:
        for name in ("a", "b"):
            oriented(root / split / name / "0.png", rng.integers(0, 256, (32, 32), np.uint8), orientation)
            orientation = None
    return ImageFolder(str(root))


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, partial(os.symlink, "/dev/zero")])
def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path, make):
    make(tmp_path / "a.jpg")
    with pytest.raises(ValueError, match="it is no file"):
        pictures.upright(tmp_path / "a.jpg")


@pytest.mark.parametrize("orientation", SHOWN)
def test_an_image_is_turned_as_its_orientation_says(tmp_path, orientation):
    grey = np.random.default_rng(1).integers(0, 256, (16, 16), np.uint8)
    file = oriented(tmp_path / "a.png", grey, orientation)
    assert np.array_equal(pixels(file, 16), [SHOWN[orientation](grey)] * 3)


def test_a_turned_jpeg_has_its_sides_exchanged_before_it_is_resized(tmp_path):
    grey = np.repeat(np.array([[0], [255]], np.uint8), 20, axis=0).repeat(16, axis=1)  # dark above, bright below
    turned = pixels(oriented(tmp_path / "a.jpg", grey, 6), 8)[0]
    assert (turned[:, :3] > 200).all() and (turned[:, -3:] < 50).all()


def test_the_fingerprint_says_whether_an_image_was_turned(tmp_path):
    plain, said, turned = (folders(tmp_path / str(o), o).fingerprint() for o in (None, 1, 3))
    assert plain == said != turned


def spoilt(file: Path) -> Path:
    """A JPEG whose EXIF data end too early: Pillow warns of it."""
    oriented(file, np.zeros((32, 32), np.uint8), 6)
    whole = file.read_bytes()
    at = whole.index(b"\x01\x12\x00\x03")  # the tag of the orientation, and its type
    file.write_bytes(whole[:at] + b"\x01\x12\x00\x02\x00\x00\xff\xff\x00\x00\xff\xff" + whole[at + 12 :])
    return file


@pytest.mark.filterwarnings("ignore:Possibly corrupt EXIF", "ignore:Tag data larger", "ignore:Tag offset")
@pytest.mark.parametrize("threaded", [0, 4096])
def test_a_damaged_image_that_pillow_only_warns_of_is_refused_by_name(tmp_path, monkeypatch, threaded):
    data = folders(tmp_path / "pets", None)
    broken = spoilt(tmp_path / "pets/test/b/1.jpg")
    pixels(broken, 8)  # Pillow reads it
    monkeypatch.setattr(ImageFolder, "threaded", threaded)
    with pytest.raises(InputError, match=r"1\.jpg cannot be read as an image \(.*\); replace or remove it"):
        data.prepare()


@pytest.mark.filterwarnings("ignore:Image size")  # as outside of tests: Pillow warns once, and reads it
@pytest.mark.parametrize("read", [pixels, celeba.face])
def test_an_image_over_the_limit_is_refused_by_name(tmp_path, monkeypatch, read):
    Image.new("RGB", (30, 20)).save(tmp_path / "large.png")
    assert read(tmp_path / "large.png", 8).shape == (3, 8, 8)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 599)
    with pytest.raises(InputError, match=r"large.png cannot be read .*30 x 20 pixels are over Pillow's limit"):
        read(tmp_path / "large.png", 8)


@pytest.mark.parametrize("kind", ["jpg", "png"])
def test_a_file_that_is_cut_off_is_refused_unless_all_its_pixels_are_there(tmp_path, kind):
    whole = tmp_path / f"whole.{kind}"
    Image.fromarray(np.random.default_rng(2).integers(0, 256, (24, 24, 3), np.uint8)).save(whole)
    content, cut = whole.read_bytes(), tmp_path / f"cut.{kind}"
    sound, refused = np.asarray(Image.open(whole)), 0
    lengths = {*range(0, len(content), 37), *range(len(content) - 20, len(content))}
    for length in lengths:
        cut.write_bytes(content[:length])
        with pictures.strict():
            try:  # checksums and marks of the end come after the pixels
                assert np.array_equal(pictures.upright(cut), sound)
            except OSError:
                refused += 1
    assert refused >= len(lengths) - 20


def test_a_changed_bit_of_a_jpeg_is_an_error_or_another_fingerprint(tmp_path):
    data = folders(tmp_path / "d", None)
    image = oriented(tmp_path / "d" / "train" / "a" / "0.jpg", np.arange(1024, dtype=np.uint8).reshape(32, 32), None)
    (tmp_path / "d" / "train" / "a" / "0.png").unlink()
    content, sound = image.read_bytes(), data.fingerprint()
    first, refused = content.index(b"\xff\xda") + 14, 0
    places = range(first, len(content) - 2, (len(content) - first) // 8)
    for place in places:
        image.write_bytes(content[:place] + bytes([content[place] ^ 16]) + content[place + 1 :])
        try:
            assert ImageFolder(str(tmp_path / "d")).fingerprint() != sound
        except InputError as error:
            refused += 1
            assert "0.jpg" in str(error)
    assert refused < len(places)  # no checksum: most are other pixels


def jpeg(file: Path, **options) -> bytes:
    """A picture of many colours; its bytes."""
    grid = np.linspace(0, 255, 64 * 64 * 3).reshape(64, 64, 3) * 7 % 256
    Image.fromarray(grid.astype(np.uint8)).save(file, **options)
    return file.read_bytes()


KINDS = {
    "plain": {"quality": 95},
    "progressive": {"progressive": True},
    "with restarts": {"restart_marker_blocks": 2},
    "with notes": {"exif": b"Exif\0\0II\xff\xd9\xff\xda" + bytes(40), "comment": b"\xff\xd9\xff\xff"},
}


@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)
def test_a_jpeg_whose_end_is_lost_or_all_zeros_is_refused(tmp_path, options):
    file = tmp_path / "a.jpg"
    whole = jpeg(file, **options)
    with pictures.strict():
        sound = np.asarray(pictures.upright(file))
        file.write_bytes(whole + b"what a camera adds \xff\xda")
        assert (np.asarray(pictures.upright(file)) == sound).all()
        for lost in (1, 2, 3, 8, 64, 300, 1000):
            for end in (b"", bytes(lost)):
                file.write_bytes(whole[:-lost] + end)
                with pytest.raises((OSError, ValueError, UserWarning)):
                    pictures.upright(file)
