"""A model is known by what it builds: remembered without torch, built anew when anything it rests on has changed."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from small_plugins import Net

from simbench import Model
from simbench.errors import InputError
from simbench.networks import weights
from simbench.networks.architectures import architecture, cached_hash
from simbench.system.seals import put, sealed, unsealed
from simbench.system.stopwatch import since_start


@pytest.fixture
def dataset(small_registry):
    return small_registry.get("datasets", "blobs")


@pytest.fixture
def begun(monkeypatch):
    """This process began just now: nothing that other tests have left in it was written since."""
    began = time.time() - since_start()
    for name, module in list(sys.modules.items()):
        file = Path(getattr(module, "__file__", None) or "/")
        if file.is_file() and file.stat().st_mtime >= began:
            monkeypatch.delitem(sys.modules, name)


@pytest.mark.usefixtures("begun")
@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: {**data, "graph": "0" * 64},
        lambda data: {**data, "sources": {}},
        pytest.param(lambda data: {**data, "graph": 1}, marks=pytest.mark.long),
        pytest.param(lambda data: [], marks=pytest.mark.long),
        pytest.param(lambda data: None, marks=pytest.mark.long),
    ],
)
def test_a_damaged_memory_is_not_believed(dataset, cache, spoil):
    value = architecture(Net(), dataset)
    (memory,) = (cache / "graphs").glob("*.json")
    assert cached_hash(memory) == value
    whole = memory.read_text()
    memory.write_text(json.dumps(spoil(json.loads(whole))))
    assert cached_hash(memory) is None and architecture(Net(), dataset) == value and cached_hash(memory) == value
    memory.with_stem("0" * 64).write_text(whole)
    assert cached_hash(memory.with_stem("0" * 64)) is None, "of another key"
    memory.unlink()
    memory.mkdir()
    assert architecture(Net(), dataset) == value and cached_hash(memory) == value


@pytest.mark.usefixtures("begun")
def test_another_version_of_a_package_is_another_matter(dataset, cache):
    architecture(Net(), dataset)
    (memory,) = (cache / "graphs").glob("*.json")
    known = unsealed(memory)
    put(memory, sealed(known | {"packages": known["packages"] | {"torch": "another"}}))
    assert cached_hash(memory) is None


def test_an_exchanged_build_or_helper_of_this_process_is_seen(dataset, cache, monkeypatch):
    from torch import nn

    fingerprint = dataset.fingerprint()
    before = weights.trained(Net(), dataset, fingerprint, 0)
    whole = Net.build

    def build(self, channels, classes):
        net = whole(self, channels, classes)
        net.relu1 = nn.Tanh()
        return net

    with monkeypatch.context() as patch:
        patch.setattr(Net, "build", build)
        assert architecture(Net(), dataset) != before.graph
        assert weights.cached(Net(), dataset, fingerprint, 0) is None
        tanh = weights.trained(Net(), dataset, fingerprint, 0)
        assert tanh.file != before.file and tanh.identity != before.identity
    assert weights.cached(Net(), dataset, fingerprint, 0) == before


def test_a_block_imported_where_it_is_needed_is_seen(registry, cache, monkeypatch):
    from simbench_plugins.models.residual import BasicBlock

    model, data = registry.get("models", "resnet20[width=0.25]"), registry.get("datasets", "digits")
    before = architecture(model, data)
    whole = BasicBlock.forward
    monkeypatch.setattr(BasicBlock, "forward", lambda self, x: -whole(self, x))
    assert architecture(model, data) != before


def test_classes_made_in_functions_and_objects_with_a_state_are_built_every_time(dataset, cache):
    from torch import nn

    @dataclass(frozen=True)
    class Here(Model):
        width: int = 3

        name, source = "here", "this test"

        def build(self, channels, classes):
            return nn.Sequential(
                nn.Flatten(), nn.Linear(64 * channels, self.width), act(), nn.Linear(self.width, classes)
            )

    values = []
    for act in (nn.ReLU, nn.Tanh):  # noqa: B007, which modules read
        values += [architecture(Here(), dataset), architecture(Here(4), dataset)]
    assert len(set(values)) == 4 and not list(cache.rglob("graphs/*"))
    stateful = Net()
    object.__setattr__(stateful, "extra", 1)
    architecture(stateful, dataset)
    assert not list(cache.rglob("graphs/*"))


def test_parameters_channels_and_classes_are_part_of_it(registry, dataset, cache):
    digits, cifar = registry.get("datasets", "digits"), registry.get("datasets", "cifar10")
    values = [
        architecture(Net(), dataset),
        architecture(Net(7), dataset),
        architecture(Net(), digits),
        architecture(Net(), cifar),
    ]
    assert len(set(values)) == 4


def test_every_built_in_model_has_the_graph_it_has_always_had(registry, cache):
    """A change of these literals measures everything anew that is on record: what they compute has changed, or how it
    is described; then raise `cases.SCHEMA`, knowingly."""
    digits = registry.get("datasets", "digits")
    specs = ("tiny10", "tiny10[padding=valid]", "tiny10[batch_norm=false]", "resnet20", "resnet20[batch_norm=false]")
    found = {spec: architecture(registry.get("models", spec), digits)[:8] for spec in specs}
    assert found == {
        "tiny10": "f7fbc21d",
        "tiny10[padding=valid]": "a6b5543c",
        "tiny10[batch_norm=false]": "2aa0298c",
        "resnet20": "7a223051",
        "resnet20[batch_norm=false]": "4ab84648",
    }


def test_building_leaves_the_global_generator_alone(dataset, cache):
    import torch

    before = torch.random.get_rng_state()
    architecture(Net(9), dataset)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_model_that_cannot_be_built_is_one_line(dataset, cache):
    class Broken(Net):
        def build(self, channels, classes):
            raise ImportError("no module\nnamed timm")

    with pytest.raises(
        InputError,
        match=r"model net cannot be built for 1 channels and 3 classes of blobs "
        r"\(ImportError: no module named timm\); ",
    ) as caught:
        architecture(Broken(), dataset)
    assert "\n" not in str(caught.value)


def test_a_cache_that_cannot_be_written_to_remembers_nothing(dataset, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SIMBENCH_CACHE", str(tmp_path / "file"))
    assert architecture(Net(8), dataset) == architecture(Net(8), dataset)


@pytest.mark.parametrize("changed", [{"graph": None}, {"graph": 3}, {"sources": None}, {"packages": []}])
def test_a_note_of_another_release_is_none(tmp_path, changed):
    note = {"key": "k", "graph": "g", "sources": {}, "packages": {}}
    (tmp_path / "k.json").write_text(sealed(note))
    assert cached_hash(tmp_path / "k.json") == "g"
    (tmp_path / "k.json").write_text(sealed(note | changed))
    assert cached_hash(tmp_path / "k.json") is None
