"""CIFAR-10 through torchvision's own code, on small files in the published format and a server on the loopback."""

import hashlib
import http.server
import os
import pickle
import shutil
import socket
import subprocess
import sys
import tarfile
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from torchvision.datasets import CIFAR10

from simbench import Dataset, InputError
from simbench_plugins.datasets import cifar10
from simbench_plugins.datasets.cifar10 import UNPACKED, Cifar10

BATCHES = [f"data_batch_{i}" for i in range(1, 6)]
PER_BATCH = 4


@dataclass(frozen=True)
class Publication:
    """A small CIFAR-10: pixels (24, 3072) and labels (24,), five train batches before the test batch."""

    folder: Path
    pixels: np.ndarray
    labels: np.ndarray

    @property
    def archive(self) -> Path:
        return self.folder / CIFAR10.filename


def publish(folder: Path, monkeypatch, brighter: int = 0) -> Publication:
    """Write the archive and have torchvision expect exactly this one. brighter: added to one test pixel."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 200, (6 * PER_BATCH, 3072), dtype=np.uint8)
    labels = rng.permutation(np.arange(6 * PER_BATCH) % 10)
    pixels[-1, 7] += brighter
    batches = folder / UNPACKED
    batches.mkdir(parents=True)
    for at, name in enumerate([*BATCHES, "test_batch"]):
        part = slice(at * PER_BATCH, (at + 1) * PER_BATCH)
        content = {"data": pixels[part], "labels": labels[part].tolist()}
        (batches / name).write_bytes(pickle.dumps(content, protocol=2))
    (batches / "batches.meta").write_bytes(pickle.dumps({"label_names": list("abcdefghij")}, protocol=2))
    publication = Publication(folder, pixels, labels)
    with tarfile.open(publication.archive, "w:gz") as archive:
        archive.add(batches, UNPACKED)
    monkeypatch.setattr(CIFAR10, "train_list", [[name, md5(batches / name)] for name in BATCHES])
    monkeypatch.setattr(CIFAR10, "test_list", [["test_batch", md5(batches / "test_batch")]])
    monkeypatch.setattr(CIFAR10, "meta", CIFAR10.meta | {"md5": md5(batches / "batches.meta")})
    monkeypatch.setattr(CIFAR10, "tgz_md5", md5(publication.archive))
    return publication


def md5(file: Path) -> str:
    return hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache folder, and no server that answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setattr(CIFAR10, "url", f"http://127.0.0.1:{free.getsockname()[1]}/{CIFAR10.filename}")
    monkeypatch.setenv("SIMBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    cifar10._splits.cache_clear()
    yield tmp_path / "cache/datasets"
    cifar10._splits.cache_clear()


@pytest.fixture
def published(tmp_path, monkeypatch):
    return publish(tmp_path / "published", monkeypatch)


@pytest.fixture
def served(published, monkeypatch):
    """The requests that a server of the published archive has answered."""
    requests = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *words):
            super().__init__(*words, directory=published.folder)

        def log_message(self, form, *words):
            requests.append(words[0])

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setattr(CIFAR10, "url", f"http://127.0.0.1:{server.server_port}/{CIFAR10.filename}")
        yield requests
        server.shutdown()
        thread.join()


def by_hand(published: Publication, cache: Path) -> None:
    """The unpacked files, and no archive."""
    shutil.copytree(published.folder / UNPACKED, cache / UNPACKED)


def reason(data: Dataset) -> str:
    """What prepare() complains of; always one line that names the alternative."""
    with pytest.raises(InputError) as caught:
        data.prepare()
    message = str(caught.value)
    assert "\n" not in message and "imagefolder[path=...]" in message and CIFAR10.url in message
    return message


def test_it_downloads_once_and_gives_the_published_images(published, served, capsys):
    data = Cifar10()
    data.prepare()
    seen = len(served)
    train, test = data.split("train"), data.split("test")
    images = published.pixels.reshape(-1, 3, 32, 32)
    assert np.array_equal(train.images, images[:20]) and np.array_equal(test.images, images[20:])
    assert np.array_equal(train.labels, published.labels[:20]) and np.array_equal(test.labels, published.labels[20:])
    assert train.images.dtype == np.uint8 and train.labels.dtype == np.int64 and train.images.flags.c_contiguous
    cifar10._splits.cache_clear()
    data.split("test")
    assert seen > 0 and len(served) == seen
    assert capsys.readouterr().out == ""


def test_an_archive_or_files_put_there_by_hand_need_no_network(published, cache):
    cache.mkdir(parents=True)
    shutil.copy(published.archive, cache)
    first = Cifar10().fingerprint()
    shutil.rmtree(cache)
    cifar10._splits.cache_clear()
    by_hand(published, cache)
    Cifar10().prepare()
    assert Cifar10().fingerprint() == first


def test_without_network_the_error_says_what_to_do(cache):
    message = reason(Cifar10())
    assert f"no usable copy is in {cache}" in message and "URLError" in message
    assert f"put {CIFAR10.filename} (md5 {CIFAR10.tgz_md5}) there by hand" in message


def test_a_server_that_never_answers_is_given_up(monkeypatch):
    monkeypatch.setattr(cifar10, "PATIENCE", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(CIFAR10, "url", f"http://127.0.0.1:{silent.getsockname()[1]}/{CIFAR10.filename}")
        assert "timed out" in reason(Cifar10())
    assert socket.getdefaulttimeout() is None


def test_a_broken_archive_on_the_server_is_an_error(published, served, cache):
    published.archive.write_bytes(published.archive.read_bytes()[:-100])
    assert f"the {CIFAR10.filename} in {cache} is broken or incomplete" in reason(Cifar10())


def test_a_broken_archive_put_there_by_hand_is_an_error(published, cache):
    cache.mkdir(parents=True)
    (cache / CIFAR10.filename).write_bytes(published.archive.read_bytes()[:-100])
    assert "is broken or incomplete" in reason(Cifar10())


def test_a_file_changed_since_is_noticed_and_unpacked_again(published, cache):
    by_hand(published, cache)
    before = Cifar10().fingerprint()
    batch = cache / UNPACKED / "data_batch_3"
    batch.write_bytes(batch.read_bytes()[:-1])
    cifar10._splits.cache_clear()
    assert "no usable copy" in reason(Cifar10())
    shutil.copy(published.archive, cache)
    assert Cifar10().fingerprint() == before


def test_a_known_fingerprint_is_told_without_torch_or_the_images(published, cache):
    by_hand(published, cache)
    value = Cifar10().fingerprint()
    code = ("import sys; from simbench_plugins.datasets.cifar10 import Cifar10; data = Cifar10(); data.prepare(); "
            "print(data.fingerprint(), sorted({'torch', 'torchvision', 'numpy', 'PIL'} & set(sys.modules)))")
    done = subprocess.run([sys.executable, "-c", code], env=os.environ, capture_output=True, text=True, check=True)
    assert done.stdout == f"{value} []\n"


def test_an_unreadable_sidecar_is_made_anew(published, cache):
    by_hand(published, cache)
    value = Cifar10().fingerprint()
    for content in ("", "[]", "{}"):
        (cache / "cifar10.json").write_text(content)
        assert Cifar10().fingerprint() == value


def test_fingerprint_is_the_contract_s_and_changes_with_one_pixel(published, cache, tmp_path, monkeypatch):
    by_hand(published, cache)
    first = Cifar10().fingerprint()
    assert first == Dataset.fingerprint(Cifar10())
    shutil.rmtree(cache)
    cifar10._splits.cache_clear()
    by_hand(publish(tmp_path / "brighter", monkeypatch, brighter=1), cache)
    assert Cifar10().fingerprint() != first


def test_an_object_that_was_read_stays_small_to_send(published, cache):
    by_hand(published, cache)
    data = Cifar10()
    data.split("train")
    assert len(pickle.dumps(data)) < 1000 and pickle.loads(pickle.dumps(data)) == data


@pytest.mark.network
@pytest.mark.skipif("SIMBENCH_DOWNLOAD" not in os.environ, reason="fetches 170 MB; set SIMBENCH_DOWNLOAD=1 to run it")
def test_the_published_images_are_what_the_constants_say(monkeypatch):
    monkeypatch.undo()  # the real address, and the user's own cache folder
    train = Cifar10().split("train")
    images = train.images / np.float32(255)
    assert np.bincount(train.labels).tolist() == [5000] * 10
    assert images.mean((0, 2, 3), dtype=np.float64) == pytest.approx(Cifar10.mean, abs=1e-4)
    assert images.std((2, 3)).mean(0, dtype=np.float64) == pytest.approx(Cifar10.std, abs=1e-3)
