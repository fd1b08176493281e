"""Trained networks are a function of recipe, data and seed; checkpoints are read, never run."""

import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from simbench.contracts import Model
from simbench.contracts.selection import Network
from simbench.errors import InputError
from simbench.networks import weights
from simbench.system.seals import sealed, unsealed


class Published(Model):
    """A model whose published weights are those of a seed."""

    name, source = "published", "this test"

    def __init__(self, inner, home):
        self.inner, self.home, self.fetches = inner, home, 0

    def build(self, channels, classes):
        return self.inner.build(channels, classes)

    def published(self):
        return self.home

    def fetch(self):
        self.fetches += 1
        torch.manual_seed(5)
        return self.build(self.home.channels, self.home.classes).state_dict()


def test_published_weights_are_fetched_once_and_found_again(model, dataset, cache):
    published = Published(model, dataset)
    network = weights.fetched(published, dataset)
    assert weights.cached(published, dataset, "", 0) == network and published.fetches == 1
    state = weights.load(network, dataset).state_dict()
    assert weights.content_hash(state) == weights.content_hash(published.fetch())


def test_published_weights_that_do_not_fit_are_refused_and_not_kept(model, dataset, cache, small_registry):
    published = Published(small_registry.get("models", "net[width=4]"), dataset)
    published.inner, state = model, published.fetch()
    published.fetch = lambda: state
    published.inner = small_registry.get("models", "net[width=5]")
    with pytest.raises(InputError, match="does not fit published on blobs"):
        weights.fetched(published, dataset)
    assert not list(cache.rglob("*.pt"))


def test_a_trained_network_is_found_again_until_anything_that_shapes_it_changes(model, dataset, cache, small_registry):
    fingerprint = dataset.fingerprint()
    assert weights.cached(model, dataset, fingerprint, 0) is None
    network = weights.trained(model, dataset, fingerprint, 0)
    assert weights.cached(model, dataset, fingerprint, 0) == network
    assert weights.cached(model, dataset, fingerprint, 1) is None
    assert weights.cached(model, dataset, "other data", 0) is None
    assert weights.cached(small_registry.get("models", "net[width=7]"), dataset, fingerprint, 0) is None
    net = weights.load(network, dataset)
    assert not net.training and not any(p.requires_grad for p in net.parameters())
    assert weights.content_hash(net.state_dict()) == network.weights


def save(path, state):
    torch.save(state, path)
    return path


def test_a_checkpoint_is_named_by_its_file_and_identified_by_its_tensors(model, dataset, cache, tmp_path):
    state = model.build(1, 3).state_dict()
    one, two = save(tmp_path / "a.pt", state), save(tmp_path / "b.pt", {"state_dict": dict(reversed(state.items()))})
    a, b = weights.checkpoint(model, one), weights.checkpoint(model, two)
    assert (a.seed, b.seed) == ("a", "b") and a.weights == b.weights == weights.content_hash(state)
    assert weights.checkpoint(model, one) == a
    weights.load(b, dataset)


def test_a_safetensors_checkpoint_is_read(model, dataset, cache, tmp_path):
    safetensors = pytest.importorskip("safetensors.torch", reason="safetensors is an optional extra")
    safetensors.save_file(model.build(1, 3).state_dict(), tmp_path / "a.safetensors")
    weights.load(weights.checkpoint(model, tmp_path / "a.safetensors"), dataset)


def test_a_missing_checkpoint_is_one_clear_line(model, cache, tmp_path):
    with pytest.raises(InputError, match=r"checkpoint '.*gone.pt' is not a file; give"):
        weights.checkpoint(model, tmp_path / "gone.pt")


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("code in a checkpoint was run",))


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", pickle.dumps({"a": Bomb()})])
def test_a_corrupt_or_hostile_checkpoint_is_one_clear_line(model, cache, tmp_path, content):
    (tmp_path / "x.pt").write_bytes(content)
    with pytest.raises(InputError, match=r"checkpoint '.*x.pt' cannot be read") as caught:
        weights.checkpoint(model, tmp_path / "x.pt")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("state", [[1, 2], {}, {"a": 1}])
def test_a_file_without_a_state_dict_is_one_clear_line(model, cache, tmp_path, state):
    with pytest.raises(InputError, match="holds no state dict"):
        weights.checkpoint(model, save(tmp_path / "x.pt", state))


def test_a_mismatch_names_keys_and_shapes(model, dataset, cache, tmp_path, small_registry):
    state = model.build(1, 3).state_dict()
    state["extra"] = state.pop("fc.bias")
    network = weights.checkpoint(model, save(tmp_path / "x.pt", state))
    with pytest.raises(InputError, match="lacks fc.bias; has unknown extra"):
        weights.load(network, dataset)
    wide = small_registry.get("models", "net[width=7]")
    network = weights.checkpoint(wide, save(tmp_path / "y.pt", model.build(1, 3).state_dict()))
    with pytest.raises(InputError, match=r"does not fit net\[width=7\] on blobs .*is \(6,\), the model has \(7,\)"):
        weights.load(network, dataset)


def test_counters_of_batches_may_be_missing(model, dataset, cache, tmp_path):
    state = model.build(1, 3).state_dict()
    del state["bn1.num_batches_tracked"]
    weights.load(weights.checkpoint(model, save(tmp_path / "x.pt", state)), dataset)


def test_a_cached_file_that_changed_is_refused(model, dataset, cache):
    network = weights.trained(model, dataset, dataset.fingerprint(), 0)
    save(network.file, model.build(1, 3).state_dict())
    with pytest.raises(InputError, match="has changed since"):
        weights.load(network, dataset)


def test_the_sidecar_says_how_it_was_trained(model, dataset, cache):
    network = weights.trained(model, dataset, dataset.fingerprint(), 0)
    told = json.loads(network.file.with_suffix(".json").read_text())
    assert told["weights"] == network.weights and told["identity"]["seed"] == 0 and told["seconds"] > 0
    assert isinstance(network, Network)


def flip(file, at, bit=0x20):
    content = bytearray(file.read_bytes())
    content[at] ^= bit
    file.write_bytes(content)


def in_its_place(file):
    file.unlink()
    (file / "deep").mkdir(parents=True)


DAMAGES = {
    "a flipped value": lambda file: flip(file, file.read_bytes().index(b"data/0") + 100),
    "the first byte": lambda file: flip(file, 0),
    "padding": lambda file: flip(file, file.read_bytes().index(b"ZZZZ")),
    "the end of the archive": lambda file: flip(file, -1),
    "a time in the archive's table": lambda file: flip(file, file.read_bytes().rindex(b"PK\x01\x02") + 12),
    "truncated": lambda file: file.write_bytes(file.read_bytes()[:-7]),
    "emptied": lambda file: file.write_bytes(b""),
    "gone": lambda file: file.unlink(),
    "a folder in its place": in_its_place,
    "others": lambda file: save(file, {"fc.bias": torch.zeros(3)}),
}
TALES = {
    "a flipped digit": lambda file: flip(file, file.read_text().index('"weights"') + 20, 1),
    "another device": lambda file: file.write_text(file.read_text().replace('"cpu"', '"gpu"')),
    "half": lambda file: file.write_text(file.read_text()[:200]),
    "no mapping": lambda file: file.write_text("[]"),
    "gone": lambda file: file.unlink(),
    "a folder in its place": in_its_place,
    "of another release, without a hash": lambda file: resealed(file, weights=None),
    "of another release, with many hashes": lambda file: resealed(file, weights=["a"]),
}


def resealed(file, **changed):
    """A sound note of other content; fields that are None are left out."""
    note = unsealed(file) | changed
    file.write_text(sealed({name: value for name, value in note.items() if value is not None}))


@pytest.mark.parametrize("suffix, what", [(".pt", what) for what in DAMAGES] + [(".json", what) for what in TALES])
def test_damaged_weights_are_trained_again_with_one_line(model, dataset, cache, suffix, what, capsys):
    fingerprint = dataset.fingerprint()
    network = weights.trained(model, dataset, fingerprint, 0)
    assert weights.cached(model, dataset, fingerprint, 0) == network
    file = network.file.with_suffix(suffix)
    (DAMAGES if suffix == ".pt" else TALES)[what](file)
    assert weights.cached(model, dataset, fingerprint, 0) is None
    assert weights.cached(model, dataset, fingerprint, 0) is None
    (line,) = capsys.readouterr().err.splitlines()
    assert (
        line
        == f"simbench: net-0 on blobs: {file.name} is missing or damaged in {file.parent}; the network is trained again"
    )
    assert weights.trained(model, dataset, fingerprint, 0) == network
    assert weights.cached(model, dataset, fingerprint, 0) == network and capsys.readouterr().err == ""


def test_the_weights_of_another_seed_are_not_taken(model, dataset, cache, capsys):
    """Moved by hand with all that is said of them, and all of it is right."""
    fingerprint = dataset.fingerprint()
    zero, one = (weights.trained(model, dataset, fingerprint, seed) for seed in (0, 1))
    for suffix in (".json", ".pt"):
        zero.file.with_suffix(suffix).write_bytes(one.file.with_suffix(suffix).read_bytes())
        assert weights.cached(model, dataset, fingerprint, 0) is None
        assert "net-0 on blobs: " in (told := capsys.readouterr().err) and "belongs to another network" in told
    assert weights.trained(model, dataset, fingerprint, 0) == zero != one


def test_weights_that_come_out_otherwise_are_said_to(model, dataset, cache, capsys, monkeypatch):
    """As on another machine: the identity is the same, the last digits are not."""
    fingerprint = dataset.fingerprint()
    network = weights.trained(model, dataset, fingerprint, 0)
    whole = weights.train
    monkeypatch.setattr(weights, "train", lambda m, d, recipe, seed, device: whole(m, d, recipe, seed + 1, device))
    flip(network.file, 500)
    other = weights.trained(model, dataset, fingerprint, 0)
    assert other.weights != network.weights
    assert "net-0 on blobs: trained again, with other weights than before" in capsys.readouterr().err


def test_fetched_weights_heal_too(model, dataset, cache, capsys):
    published = Published(model, dataset)
    network = weights.fetched(published, dataset)
    flip(network.file, network.file.stat().st_size // 2)
    assert (
        weights.cached(published, dataset, "", 0) is None and "the network is fetched again" in capsys.readouterr().err
    )
    assert weights.fetched(published, dataset) == network and published.fetches == 2


@pytest.mark.long
def test_damage_is_found_without_torch(model, dataset, cache):
    """Trained in a process of its own: one that has imported a module written since it began, as tests do, remembers no
    architecture."""
    code = (
        "import sys, pathlib; sys.path.insert(0, sys.argv[1]); from small_plugins import Blobs, Net; "
        "from simbench.networks import weights; found = weights.{}(Net(), Blobs(), Blobs().fingerprint(), 0); "
        "print(found and found.weights, 'torch' in sys.modules)"
    )

    def told(get="cached"):
        done = subprocess.run(
            [sys.executable, "-c", code.format(get), str(Path(__file__).parents[1] / "support")],
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout, done.stderr

    trained = told("trained")[0].split()[0]
    assert told() == (f"{trained} False\n", "")
    flip(weights.cached(model, dataset, dataset.fingerprint(), 0).file, 400)
    out, err = told()
    assert out == "None False\n" and err.count("\n") == 1 and "the network is trained again" in err


def test_a_damaged_sidecar_is_a_network_to_train_again(model, dataset, cache):
    network = weights.trained(model, dataset, dataset.fingerprint(), 0)
    network.file.with_suffix(".json").write_text("{")
    assert weights.cached(model, dataset, dataset.fingerprint(), 0) is None
    assert weights.trained(model, dataset, dataset.fingerprint(), 0) == network
