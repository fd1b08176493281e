"""What the user asked for, resolved against what is installed."""

from __future__ import annotations

import pytest

from simbench.errors import InputError
from simbench.run.request import Request, resolve

DEFAULT = tuple(f"bn{i}" for i in range(1, 9))


def resolved(registry, **options):
    return resolve(Request(**options), registry)


def test_without_options_every_index_stitcher_and_experiment_on_six_default_networks(registry):
    found = resolved(registry)
    assert [index.name for index in found.indices] == sorted(registry.entries["indices"])
    assert [stitcher.name for stitcher in found.stitchers] == sorted(registry.entries["stitchers"])
    assert [experiment.name for experiment in found.experiments] == sorted(registry.entries["experiments"])
    assert [model.spec for model in found.models] == ["tiny10"] and [d.spec for d in found.datasets] == ["digits"]
    assert found.seeds == (0, 1, 2, 3, 4, 5) and found.views == ("spatial",) and found.files == ()
    assert found.layers == {"tiny10": DEFAULT}


@pytest.mark.parametrize("kind, texts, names", [
    ("indices", ("c?a,r2_lr",), ["cca", "cka", "r2_lr"]), ("indices", ("r2_lr", "cka"), ["r2_lr", "cka"]),
    ("indices", ("*cca", "cca"), ["cca", "pwcca", "svcca"]),
    ("stitchers", ("procrustes,identity",), ["procrustes", "identity"]),
    ("stitchers", ("*_rank", "identity,reduced_rank"), ["reduced_rank", "identity"]),
    ("experiments", ("match*",), ["matching"]), ("datasets", ("digits", "digits,digits"), ["digits"]),
])
def test_selections_match_names_keep_their_order_and_take_each_once(registry, kind, texts, names):
    assert [plugin.name for plugin in getattr(resolved(registry, **{kind: texts}), kind)] == names


@pytest.mark.parametrize("kind", ["indices", "stitchers", "experiments"])
@pytest.mark.parametrize("text", ["all", "*"])
def test_all_is_every_plugin_of_the_kind(registry, kind, text):
    found = getattr(resolved(registry, **{kind: (text,)}), kind)
    assert [plugin.name for plugin in found] == sorted(registry.entries[kind])


def test_one_plugin_in_two_configurations_is_two_plugins(registry):
    found = resolved(registry, indices=("svcca[variance=0.9],svcca", "svcca[variance=0.99]")).indices
    assert [index.spec for index in found] == ["svcca[variance=0.9]", "svcca"]


@pytest.mark.parametrize("asked, layers", [
    (("bn8,bn2",), ("bn2", "bn8")), (("relu1", "bn1", "conv1"), ("conv1", "bn1", "relu1")), (("bn*",), DEFAULT),
    (("*2",), ("conv2", "bn2", "relu2")), (("bn[1-3]",), DEFAULT[:3]), (("bn1", "bn1,bn?"), DEFAULT),
])
def test_layers_are_matched_and_put_in_order_of_depth(registry, asked, layers):
    assert resolved(registry, layers=asked).layers == {"tiny10": layers}


@pytest.mark.parametrize("asked", [("all",), ("*",), ("bn1", "all")])
def test_all_layers_are_those_that_can_be_stitched(registry, asked):
    assert resolved(registry, layers=asked).layers["tiny10"] == registry.get("models", "tiny10").layers


def test_each_model_has_its_own_layers(registry):
    models = ("tiny10,tiny10[batch_norm=false]",)
    found = resolved(registry, models=models).layers
    assert found == {"tiny10": DEFAULT, "tiny10[batch_norm=false]": tuple(f"conv{i}" for i in range(1, 9))}
    both = resolved(registry, models=models, layers=("bn1,relu1",)).layers
    assert both == {"tiny10": ("bn1", "relu1"), "tiny10[batch_norm=false]": ("relu1",)}
    with pytest.raises(InputError, match=r"--layers names no layer of tiny10\[batch_norm=false\]; allowed: conv1"):
        resolved(registry, models=models, layers=("bn1",))


def test_views_keep_their_order_each_once(registry):
    assert resolved(registry, views=("flat,spatial", "flat")).views == ("flat", "spatial")


@pytest.mark.parametrize("text, seeds", [("2", (0, 1)), ("4,2", (4, 2)), ("7,", (7,))])
def test_seeds(registry, text, seeds):
    assert resolved(registry, seeds=text).seeds == seeds


def test_weights_files_stand_in_for_seeds_in_the_order_given(registry, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    found = resolved(registry, weights=("b.pt, a b.pt", "~/c.pt"))
    assert found.seeds == () and [str(file) for file in found.files] == ["b.pt", "a b.pt", str(tmp_path / "c.pt")]
