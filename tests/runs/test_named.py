"""Networks that are named one by one, models that are not paired, and cuts that are tried before training."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from small_plugins import Net
from torch import nn

from simbench import InputError
from simbench.networks import weights
from simbench.registry import load
from simbench.runs.job import prepare
from simbench.runs.named import named
from simbench.runs.outcome import apart
from simbench.runs.plan import plan
from simbench.runs.request import Request
from simbench.runs.resolved import resolve

SMALL = Request(
    datasets=("blobs",), experiments=("layers[untrained=false]",), indices=("cka",), stitchers=("identity",)
)


def planned(registry, **options):
    (part,) = plan(resolve(replace(SMALL, **options), registry))
    return part


@pytest.fixture
def files(small_registry, tmp_path):
    """A checkpoint of `net` and one of a narrower one."""
    dataset, paths = small_registry.get("datasets", "blobs"), {}
    for spec in ("net", "net[width=4]"):
        state = small_registry.get("models", spec).build(dataset.channels, dataset.classes).state_dict()
        paths[spec] = tmp_path / f"{spec.partition('[')[0]}{len(paths)}.pt"
        torch.save(state, paths[spec])
    return paths


def test_networks_are_named_by_file_and_by_seed(small_registry, cache, files):
    part = planned(small_registry, networks=(f"net@{files['net']}", "net[width=4]@3"))
    assert [network.name for network in part.selection.networks] == ["net-net0", "net[width=4]-3"]
    assert [network.name for network in part.untrained] == ["net[width=4]-3"]


@pytest.mark.parametrize("said", ["nchw", {"conv*": "nchw"}, (("conv*", "nchw"),)])
def test_what_is_said_of_layers_is_said_of_every_network(small_registry, cache, files, said):
    own = Request(layouts=said).layouts
    for options in (
        {"networks": (f"net@{files['net']}", "net@3")},
        {"models": ("net",), "seeds": "2"},
        {"models": tuple(files), "weights": tuple(map(str, files.values()))},
    ):
        part, plain = (planned(small_registry, layouts=each, **options) for each in (own, ()))
        assert {network.layouts for network in part.selection.networks} == {own} != {()}
        assert not {case.key for case in part.cases} & {case.key for case in plain.cases}


@pytest.mark.parametrize(
    ("said", "message"),
    [({"conv": "nchw"}, "layer in layouts 'conv' is unknown; did you mean 'conv"), ("nxc", "nxc"), ({"conv1": 3}, "3")],
)
def test_what_is_said_of_no_layer_is_refused(small_registry, cache, said, message):
    with pytest.raises(InputError, match=message):
        planned(small_registry, models=("net",), seeds="2", layouts=Request(layouts=said).layouts)


def test_one_file_for_each_model(small_registry, cache, files):
    part = planned(small_registry, models=tuple(files), weights=tuple(files.values()))
    by_hand = [weights.content_hash(torch.load(file)) for file in files.values()]
    assert [network.weights for network in part.selection.networks] == by_hand


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"networks": "net@0,net@0"}, "net-0 is named twice"),
        ({"networks": "net"}, "'net' has no weights; allowed: MODEL@FILE"),
        ({"networks": "@3"}, "'@3' has no model"),
        ({"networks": "nett@0"}, "did you mean 'net'"),
        ({"networks": "net@0,net@1", "seeds": "2"}, "--networks and --seeds are both given"),
        ({"networks": "net@0"}, "compares two networks; given 1"),
        ({"networks": "net@none.pt"}, "is not a file"),
        ({"networks": "net@0,net@1", "experiments": "cross_dataset"}, "--networks is given for cross_dataset"),
    ],
)
def test_networks_that_cannot_be_used_are_refused_in_one_line(small_registry, cache, options, message):
    with pytest.raises(InputError, match=message):
        plan(resolve(replace(SMALL, **{name: _several(value) for name, value in options.items()}), small_registry))


def _several(value):
    return value if isinstance(value, tuple) else (value,) if "," not in value and not value.isdigit() else value


def test_models_without_a_common_layer_are_said_to_be_unpaired(small_registry, cache, tmp_path):
    options = replace(SMALL, models=("net", "net[width=4]"), seeds="2", results=tmp_path / "none")
    chosen = replace(options, experiments=("matching",))
    job = prepare(chosen, small_registry)
    assert list(apart(job, small_registry)) == []
    (part,) = job.parts
    ((experiment, selection),) = part.selections
    unlike = replace(selection, layers={"net": ("bn1",), "net[width=4]": ("conv2",)})
    (line,) = apart(replace(job, parts=(replace(part, selections=((experiment, unlike),)),)), small_registry)
    assert line.startswith("matching pairs no net with net[width=4]") and "--experiments layers" in line


class Forked(Net):
    """A model whose network is no row of stages."""

    name = "forked"

    def build(self, channels, classes):
        class Fork(nn.Module):
            def __init__(self, row):
                super().__init__()
                self.row = row

            def forward(self, x):
                return self.row(x) + self.row(-x)

        return Fork(super().build(channels, classes))


def test_a_network_that_cannot_be_cut_is_refused_before_it_is_trained(small_registry, cache, tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "train", lambda *_: pytest.fail("trained"))
    with pytest.raises(InputError, match="model forked cannot be stitched at "):
        prepare(replace(SMALL, models=(Forked(),), seeds="2", results=tmp_path / "none"), small_registry)


def test_published_weights_need_no_seed():
    """A source of networks is known by name; nothing is fetched before the run."""
    registry = load()
    for name in ("torchvision:resnet18[weights=DEFAULT]", "torchvision:resnet18"):
        (one,) = named([name], registry)
        assert (one.model.params["weights"], one.origin) == ("DEFAULT", 0)
