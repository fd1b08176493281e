"""A damaged file is noticed and unpacked or fetched again; one that torchvision would take is an error."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from published_by_hand import (
    CIFARS,
    archived_by_hand,
    emptied,
    every,
    mnists,
    overwritten,
    reason,
    spec,
    truncated,
    unpacked_by_hand,
)
from simbench_plugins.datasets import published as published_module
from simbench_plugins.datasets.cifar import Cifar10
from simbench_plugins.datasets.published import Published
from small_publications import Publication, idx, original


def of_other_images(file: Path) -> None:
    """A file that is right in itself and does not belong to the other."""
    idx(file, np.zeros((5, 28, 28) if "images" in file.name else (5,)))


def of_too_high_a_class(file: Path) -> None:
    idx(file, np.full(20, 10) if "labels" in file.name else np.zeros((20, 27, 28)))


BREAKS = pytest.mark.parametrize("broken", [truncated, emptied, overwritten, of_other_images, of_too_high_a_class])
WHAT = pytest.mark.parametrize("what", ["images-idx3", "labels-idx1"])


@BREAKS
@WHAT
@mnists
def test_a_broken_unpacked_file_which_torchvision_would_take_is_an_error(data, published, cache, what, broken):
    unpacked_by_hand(data, published, cache)
    file = cache / data.unpacked / f"train-{what}-ubyte"
    broken(file)
    message = reason(data)
    assert f"the unpacked files in {file.parent} are broken" in message and "remove them" in message


def flipped(file: Path) -> None:
    """One bit in the middle; size and time of change stay."""
    status, content = file.stat(), bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


def same(data: Published, published: Publication) -> bool:
    """What a process that begins now is given."""
    published_module._splits.cache_clear()
    return all(
        np.array_equal(data.split(name).inputs, published.images[name])
        and np.array_equal(data.split(name).labels, published.labels[name])
        for name in ("train", "test")
    )


def unpacked_files(data: Published, cache: Path) -> list[Path]:
    """The files of the train split, images and labels, as they lie unpacked."""
    folder = cache / data.unpacked
    return [folder / original(data).train_list[0][0]] if data in CIFARS else sorted(folder.glob("train-*-ubyte"))


@pytest.mark.parametrize("broken", [flipped, truncated, emptied, overwritten])
@every
def test_a_damaged_unpacked_file_is_unpacked_again_with_one_line(data, published, cache, broken, capsys):
    archived_by_hand(data, published, cache)
    value = data.fingerprint()
    for file in unpacked_files(data, cache):
        capsys.readouterr()
        broken(file)
        assert same(data, published) and data.fingerprint() == value
        told = capsys.readouterr()
        assert told.err.count("\n") == 1 and f"{file} is damaged; it is unpacked again from" in told.err
        assert told.out == "" and same(data, published) and capsys.readouterr().err == ""


@mnists
def test_what_was_unpacked_by_hand_is_compared_with_its_archive(data, published, cache, capsys):
    """Also where nothing is known of it yet."""
    archived_by_hand(data, published, cache)
    shutil.copytree(published.unpacked, cache / data.unpacked, dirs_exist_ok=True)
    flipped(unpacked_files(data, cache)[0])
    assert same(data, published) and "is damaged" in capsys.readouterr().err


@every
def test_a_damaged_file_without_an_archive_is_fetched_again(data, published, served, cache):
    unpacked_by_hand(data, published, cache)
    value = data.fingerprint()
    assert not served
    flipped(unpacked_files(data, cache)[0])
    assert same(data, published) and data.fingerprint() == value and served


@every
def test_a_damaged_file_that_cannot_be_had_again_is_an_error(data, published, cache):
    unpacked_by_hand(data, published, cache)
    data.fingerprint()
    flipped(unpacked_files(data, cache)[0])
    published_module._splits.cache_clear()
    assert "no usable copy" in reason(data)


@pytest.mark.parametrize("data", [Cifar10()], ids=spec)
def test_a_flipped_byte_in_the_fingerprint_is_seen(data, published, cache, capsys):
    archived_by_hand(data, published, cache)
    value, sidecar = data.fingerprint(), cache / "cifar10.json"
    sidecar.write_text(sidecar.read_text().replace(value, value[:-1] + ("0" if value[-1] != "0" else "1")))
    assert data.fingerprint() == value and "cifar10.json is damaged" in capsys.readouterr().err
    sidecar.unlink()
    sidecar.mkdir()
    assert data.fingerprint() == value and sidecar.is_file()
