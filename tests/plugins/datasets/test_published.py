"""What torchvision fetches, by its own code, on small files in the published formats and a server on the loopback."""

import http.server
import os
import pickle
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from simbench_plugins.datasets import published as published_module
from simbench_plugins.datasets.cifar import Cifar10, Cifar100
from simbench_plugins.datasets.mnist import FashionMnist, Mnist
from simbench_plugins.datasets.published import Published
from small_publications import Publication, idx, original, publish

from simbench import Dataset, InputError

CIFARS, MNISTS = [Cifar10(), Cifar100()], [Mnist(), FashionMnist()]


def spec(value):
    return value.spec if isinstance(value, Published) else None


every = pytest.mark.parametrize("data", CIFARS + MNISTS, ids=spec)
cifars = pytest.mark.parametrize("data", CIFARS, ids=spec)
mnists = pytest.mark.parametrize("data", MNISTS, ids=spec)


@pytest.fixture
def address(data, monkeypatch):
    """A function that lets torchvision fetch from a port of the loopback."""

    def at(port: int) -> None:
        root, expected = f"http://127.0.0.1:{port}/", original(data)
        if data in MNISTS:
            monkeypatch.setattr(expected, "mirrors", [root])
        else:
            monkeypatch.setattr(expected, "url", root + expected.filename)

    return at


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch, address):
    """An empty cache folder, and no server that answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address(free.getsockname()[1])
    monkeypatch.setenv("SIMBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    published_module._splits.cache_clear()
    yield tmp_path / "cache/datasets"
    published_module._splits.cache_clear()


@pytest.fixture
def published(data, tmp_path, monkeypatch):
    return publish(data, tmp_path / "published", monkeypatch)


@pytest.fixture
def served(published, address):
    """The requests that a server of the published archives has answered."""
    requests = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *words):
            super().__init__(*words, directory=published.folder)

        def log_message(self, form, *words):
            requests.append(words[0])

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        address(server.server_port)
        yield requests
        server.shutdown()
        thread.join()


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


def truncated(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def emptied(file: Path) -> None:
    file.write_bytes(b"")


def overwritten(file: Path) -> None:
    file.write_bytes(b"<html>quota exceeded</html>")


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


@every
def test_a_known_fingerprint_is_told_without_torch_or_the_images(data, published, cache):
    unpacked_by_hand(data, published, cache)
    value = data.fingerprint()
    code = (
        f"import sys; from {type(data).__module__} import {type(data).__name__} as Data; Data().prepare(); "
        "print(Data().fingerprint(), sorted({'torch', 'torchvision', 'numpy', 'PIL'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], env=os.environ, capture_output=True, text=True, check=True)
    assert done.stdout == f"{value} []\n"


@pytest.mark.parametrize("data", [Cifar10()], ids=spec)
def test_an_unreadable_sidecar_is_made_anew(data, published, cache):
    unpacked_by_hand(data, published, cache)
    value = data.fingerprint()
    for content in ("", "[]", "{}"):
        (cache / "cifar10.json").write_text(content)
        assert data.fingerprint() == value


@every
def test_fingerprint_is_the_contract_s_and_changes_with_one_pixel(data, published, cache, tmp_path, monkeypatch):
    unpacked_by_hand(data, published, cache)
    first = data.fingerprint()
    assert first == Dataset.fingerprint(data)
    shutil.rmtree(cache)
    published_module._splits.cache_clear()
    unpacked_by_hand(data, publish(data, tmp_path / "brighter", monkeypatch, brighter=1), cache)
    assert data.fingerprint() != first


@pytest.mark.parametrize("data", [Cifar10()], ids=spec)
def test_two_data_sets_in_one_process_are_kept_apart(data, published, cache, tmp_path, monkeypatch):
    other = Cifar100()
    unpacked_by_hand(data, published, cache)
    unpacked_by_hand(other, publish(other, tmp_path / "other", monkeypatch), cache)
    assert data.split("train").labels.max() < 10 <= other.split("train").labels.max()
    assert data.split("train").labels.max() < 10


@every
def test_an_object_that_was_read_stays_small_to_send(data, published, cache):
    unpacked_by_hand(data, published, cache)
    data.split("train")
    assert len(pickle.dumps(data)) < 1000 and pickle.loads(pickle.dumps(data)) == data


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
