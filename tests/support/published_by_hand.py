"""The data sets that torchvision fetches, their files put there by hand, and ways to break them."""

import shutil
from pathlib import Path

import pytest
from simbench_plugins.datasets.cifar import Cifar10, Cifar100
from simbench_plugins.datasets.mnist import FashionMnist, Mnist
from simbench_plugins.datasets.published import Published
from small_publications import Publication

from simbench import InputError

CIFARS, MNISTS = [Cifar10(), Cifar100()], [Mnist(), FashionMnist()]


def spec(value):
    return value.spec if isinstance(value, Published) else None


every = pytest.mark.parametrize("data", CIFARS + MNISTS, ids=spec)
cifars = pytest.mark.parametrize("data", CIFARS, ids=spec)
mnists = pytest.mark.parametrize("data", MNISTS, ids=spec)


def home(data: Published, cache: Path) -> Path:
    """Where archives are put by hand."""
    return cache / data.unpacked if data in MNISTS else cache


def unpacked_by_hand(data: Published, published: Publication, cache: Path) -> None:
    """The unpacked files, and no archive."""
    shutil.copytree(published.unpacked, cache / data.unpacked)


def archived_by_hand(data: Published, published: Publication, cache: Path) -> None:
    home(data, cache).mkdir(parents=True, exist_ok=True)
    for archive in published.archives:
        shutil.copy(archive, home(data, cache))


def reason(data: Published) -> str:
    """What prepare() complains of; always one line that begins with the name."""
    with pytest.raises(InputError) as caught:
        data.prepare()
    message = str(caught.value)
    assert "\n" not in message and message.startswith(f"{data.name}: ")
    return message


def truncated(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def emptied(file: Path) -> None:
    file.write_bytes(b"")


def overwritten(file: Path) -> None:
    file.write_bytes(b"<html>quota exceeded</html>")
