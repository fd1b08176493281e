"""What torchvision fetches, by its own code, on small files in the published formats and a server on the loopback."""

import os
import shutil
import socket

import numpy as np
import pytest
from published_by_hand import CIFARS, archived_by_hand, cifars, every, home, reason, unpacked_by_hand
from simbench_plugins.datasets import published as published_module
from simbench_plugins.datasets.cifar import Cifar10
from simbench_plugins.datasets.mnist import Mnist
from small_publications import original


@every
def test_it_downloads_once_and_gives_the_published_images(data, published, served, capsys):
    data.prepare()
    seen = len(served)
    for name in ("train", "test"):
        part = data.split(name)
        assert np.array_equal(part.inputs, published.images[name])
        assert np.array_equal(part.labels, published.labels[name])
        assert part.inputs.dtype == np.uint8 and part.labels.dtype == np.int64 and part.inputs.flags.c_contiguous
        assert part.inputs.shape[1:] == (data.channels, 32, 32)
    published_module._splits.cache_clear()
    data.split("test")
    assert seen > 0 and len(served) == seen
    assert capsys.readouterr().out == ""


@every
def test_archives_or_files_put_there_by_hand_need_no_network(data, published, cache):
    archived_by_hand(data, published, cache)
    first = data.fingerprint()
    shutil.rmtree(cache)
    published_module._splits.cache_clear()
    unpacked_by_hand(data, published, cache)
    data.prepare()
    assert data.fingerprint() == first


@every
def test_without_network_the_error_says_what_to_do(data, published, cache):
    message = reason(data)
    assert f"no usable copy is in {home(data, cache)}" in message and "refused" in message
    assert "fetching http://127.0.0.1:" in message and "imagefolder[path=...]" in message
    assert f"put {published.archives[0].name} (md5 " in message and "there by hand" in message


@every
def test_a_server_that_never_answers_is_given_up(data, address, monkeypatch):
    monkeypatch.setattr(published_module.Published, "patience", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address(silent.getsockname()[1])
        assert "timed out" in reason(data)
    assert socket.getdefaulttimeout() is None


@every
def test_a_broken_archive_on_the_server_is_an_error(data, published, served, cache):
    archive = published.archives[-1]
    archive.write_bytes(archive.read_bytes()[:-10])
    assert f"the {archive.name} in {home(data, cache)} is broken or incomplete" in reason(data)


@every
def test_a_broken_archive_put_there_by_hand_is_an_error(data, published, cache):
    archived_by_hand(data, published, cache)
    archive = home(data, cache) / published.archives[-1].name
    archive.write_bytes(archive.read_bytes()[:-10])
    message = reason(data)
    assert f"the {archive.name} in {archive.parent} is broken or incomplete" in message
    assert f"put {archive.name} (md5 " in message and message.count("(md5 ") == 1


@cifars
def test_a_file_changed_since_is_noticed_and_unpacked_again(data, published, cache):
    unpacked_by_hand(data, published, cache)
    before = data.fingerprint()
    batch = cache / data.unpacked / original(data).train_list[0][0]
    batch.write_bytes(batch.read_bytes()[:-1])
    published_module._splits.cache_clear()
    assert "no usable copy" in reason(data)
    archived_by_hand(data, published, cache)
    assert data.fingerprint() == before


@cifars
def test_cifar_100_has_the_fine_labels(data, published, cache):
    unpacked_by_hand(data, published, cache)
    assert (data.split("train").labels.max() > 20) == (data.classes == 100)


@pytest.mark.network
@pytest.mark.skipif(
    "SIMBENCH_DOWNLOAD" not in os.environ, reason="fetches up to 170 MB; set SIMBENCH_DOWNLOAD=1 to run it"
)
@every
def test_the_published_images_are_what_the_constants_say(data, monkeypatch):
    monkeypatch.undo()  # the real address, and the user's own cache folder
    train, test = data.split("train"), data.split("test")
    if data != Mnist():  # the one whose classes are of different sizes
        assert np.bincount(test.labels).tolist() == [10_000 // data.classes] * data.classes
    images = train.inputs if data in CIFARS else train.inputs[:, :, 2:30, 2:30]
    images = images / np.float32(255)
    assert len(images) == (50_000 if data in CIFARS else 60_000)
    assert images.mean((0, 2, 3), dtype=np.float64) == pytest.approx(data.mean, abs=2e-4)
    single = images.std((2, 3)).mean(0, dtype=np.float64)
    std = single if data == Cifar10() else images.std((0, 2, 3), dtype=np.float64)
    assert std == pytest.approx(data.std, abs=1e-3)
