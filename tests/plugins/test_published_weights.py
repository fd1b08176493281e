"""Published weights by each library's own download: from a server on the loopback, or from the library's own cache."""

from __future__ import annotations

import gc
import hashlib
import http.server
import io
import json
import os
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import pytest
import torch

import simbench
from simbench import InputError
from simbench.boards.compare import compare_named
from simbench.runs.request import Request

REGISTRY = simbench.load()


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A folder on the loopback, its address, and the requests that were answered; torch keeps what it fetches apart."""
    folder, requests = tmp_path / "served", []
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *words):
            super().__init__(*words, directory=folder)

        def log_message(self, form, *words):
            requests.append(words[0])

    monkeypatch.setenv("no_proxy", "127.0.0.1")
    before = torch.hub.get_dir()
    torch.hub.set_dir(str(tmp_path / "hub"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}", requests
        server.shutdown()
        thread.join()
    torch.hub.set_dir(before)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()  # torch leaves its connections open


@pytest.fixture
def squeezenet(served, monkeypatch):
    """A network of torchvision with its weights on the server, under a name with the first digits of their hash."""
    from torchvision import models

    folder, address, _ = served
    torch.manual_seed(1)
    net, held = models.squeezenet1_1(), io.BytesIO()
    torch.save(net.state_dict(), held)
    name = f"squeezenet-{hashlib.sha256(held.getvalue()).hexdigest()[:8]}.pth"
    (folder / name).write_bytes(held.getvalue())
    monkeypatch.setattr(models.SqueezeNet1_1_Weights.DEFAULT.value, "url", f"{address}/{name}")
    return net, folder / name


def test_weights_of_torchvision_are_fetched_once(served, squeezenet, tmp_path):
    net, file = squeezenet
    chosen = REGISTRY.get("models", "torchvision:squeezenet1_1[weights=DEFAULT]")
    for _ in range(2):
        state = chosen.fetch()
        assert state.keys() == net.state_dict().keys()
        assert all(torch.equal(state[name], value) for name, value in net.state_dict().items())
    assert served[2] == [f"GET /{file.name} HTTP/1.1"]
    assert [path.name for path in (tmp_path / "hub/checkpoints").iterdir()] == [file.name]


@pytest.mark.parametrize("damage", ["other bytes", "missing"])
def test_weights_that_are_not_those_that_were_published_are_refused(squeezenet, damage, tmp_path):
    _, file = squeezenet
    file.write_bytes(file.read_bytes() + b"more") if damage == "other bytes" else file.unlink()
    with pytest.raises(InputError) as caught:
        REGISTRY.get("models", "torchvision:squeezenet1_1[weights=DEFAULT]").fetch()
    told = str(caught.value)
    assert ("invalid hash value" if damage == "other bytes" else "404") in told and "\n" not in told
    assert f"put the file of http://127.0.0.1:{told.split('127.0.0.1:')[1].split('/')[0]}/{file.name}" in told
    assert not list((tmp_path / "hub/checkpoints").glob("*.pth"))


#: Run without a network; prints the sum of each network's weights as simbench fetches them.
PROBE = """
import json, sys
import simbench
registry, sums = simbench.load(), {}
for spec in sys.argv[1:]:
    chosen = registry.get("models", spec)
    net = chosen.build(chosen.vocabulary or 3, chosen.published().classes)
    net.load_state_dict(chosen.fetch())
    sums[spec] = sum(x.double().sum().item() for x in net.state_dict().values())
print(json.dumps(sums))
"""


def cached(home: Path, repository: str) -> Path:
    """The folder of a repository in a cache of the Hub, which files are put into."""
    place = home / "hub" / ("models--" + repository.replace("/", "--"))
    (place / "refs").mkdir(parents=True)
    (place / "refs" / "main").write_text("0" * 40)
    (place / "snapshots" / ("0" * 40)).mkdir(parents=True)
    return place / "snapshots" / ("0" * 40)


@pytest.mark.long
def test_weights_of_the_hub_are_read_from_its_cache(tmp_path):
    transformers, timm = pytest.importorskip("transformers"), pytest.importorskip("timm")
    safetensors = pytest.importorskip("safetensors.torch")
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    bert = transformers.BertForSequenceClassification(transformers.BertConfig(vocab_size=50, num_labels=3, **sizes))
    bert.save_pretrained(cached(tmp_path, "someone/tiny-bert"))
    vit = timm.create_model("test_vit")
    safetensors.save_file(vit.state_dict(), cached(tmp_path, "timm/test_vit.r160_in1k") / "model.safetensors")
    specs = {"hf:someone/tiny-bert[weights=DEFAULT]": bert, "timm:test_vit[weights=DEFAULT]": vit}
    environment = os.environ | {"HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1", "NO_PROXY": "*"}
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *specs], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    sums = json.loads(done.stdout.splitlines()[-1])
    expected = {spec: sum(x.double().sum().item() for x in net.state_dict().values()) for spec, net in specs.items()}
    assert sums == pytest.approx(expected, rel=1e-12)


@pytest.fixture
def images(tmp_path):
    """A folder of random images of two classes."""
    from PIL import Image

    draw = torch.Generator().manual_seed(0)
    for place in (f"{split}/{name}" for split in ("train", "test") for name in ("cat", "dog")):
        (tmp_path / "images" / place).mkdir(parents=True)
        for number in range(16):
            pixels = torch.randint(0, 256, (32, 32, 3), generator=draw, dtype=torch.uint8)
            Image.fromarray(pixels.numpy()).save(tmp_path / "images" / place / f"{number}.png")
    return tmp_path / "images"


@pytest.mark.long
def test_published_networks_are_compared_by_name_on_images_of_other_classes(
    squeezenet, images, tmp_path, monkeypatch, capsys
):
    """They take the images without labels where network b tells other classes apart, and are fetched once."""
    monkeypatch.setenv("SIMBENCH_CACHE", str(tmp_path / "cache"))
    torch.manual_seed(2)
    other, two = tmp_path / "other.pt", tmp_path / "two.pt"
    from torchvision import models

    torch.save(models.squeezenet1_1().state_dict(), other)
    torch.save(models.squeezenet1_1(num_classes=2).state_dict(), two)
    usual = {"datasets": (f"imagefolder:{images}",), "layers": ("features.5",), "indices": ("cka",)}
    usual |= {"stitchers": ("least_squares",), "results": tmp_path / "results"}

    def rows(a: str, b: str) -> dict:
        board = compare_named(Request(networks=(a, b), **usual), REGISTRY, pairing="all", untrained=False)
        return {row.quantity: row.value for row in board.rows.itertuples() if row.status == "ok"}

    without = rows(f"torchvision:squeezenet1_1@{other}", "torchvision:squeezenet1_1")
    assert {"similarity", "agreement", "kl_divergence"} <= without.keys() and "accuracy" not in without
    labelled = rows("torchvision:squeezenet1_1", f"torchvision:squeezenet1_1@{two}")
    assert {"similarity", "agreement", "accuracy"} <= labelled.keys()
    assert rows("torchvision:squeezenet1_1", f"torchvision:squeezenet1_1@{two}") == labelled
    assert "again" not in capsys.readouterr().err
