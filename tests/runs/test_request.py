"""What the user asked for, resolved against what is installed."""

from __future__ import annotations

import pytest

from simbench import Experiment, Preset, hookimpl, load
from simbench.errors import InputError
from simbench.measuring.activations import BUDGET
from simbench.runs.request import Request
from simbench.runs.resolved import resolve

DEFAULT = tuple(f"bn{i}" for i in range(1, 9))


def resolved(registry, **options):
    """What the first experiment is asked for."""
    return resolve(Request(**options), registry).scopes[0]


def test_without_options_five_indices_with_controls_and_four_stitchers_on_24_default_networks(registry):
    assert [experiment.name for experiment in resolve(Request(), registry).experiments] == ["matching", "cka_penalty"]
    found = resolved(registry)
    assert [index.name for index in found.indices] == [
        "cca",
        "cka",
        "pwcca",
        "r2_lr",
        "svcca",
        "depth",
        "random",
        "random_features",
    ]
    assert [stitcher.name for stitcher in found.stitchers] == [
        "identity",
        "least_squares",
        "procrustes",
        "reduced_rank",
    ]
    assert (
        found.limit == 10_000
        and [model.spec for model in found.models] == ["tiny10"]
        and [d.spec for d in found.datasets] == ["digits"]
    )
    assert found.seeds == tuple(range(24)) and found.views == ("spatial",) and found.files == ()
    assert found.layers == {"tiny10": DEFAULT} and str(found.design) == "balanced:4"
    assert resolved(registry, experiments="cka_penalty").seeds == (0, 1, 2, 3, 4, 5)


@pytest.mark.parametrize(
    "kind, texts, names",
    [
        ("indices", ("c?a,r2_lr",), ["cca", "cka", "r2_lr"]),
        ("indices", ("r2_lr", "cka"), ["r2_lr", "cka"]),
        ("indices", ("*cca", "cca"), ["cca", "pwcca", "svcca"]),
        ("stitchers", ("procrustes,identity",), ["procrustes", "identity"]),
        ("stitchers", ("*_rank", "identity,reduced_rank"), ["reduced_rank", "identity"]),
        ("datasets", ("digits", "digits,digits"), ["digits"]),
    ],
)
def test_selections_match_names_keep_their_order_and_take_each_once(registry, kind, texts, names):
    assert [plugin.name for plugin in getattr(resolved(registry, **{kind: texts}), kind)] == names


@pytest.mark.parametrize("kind", ["indices", "stitchers"])
@pytest.mark.parametrize("text", ["all", "*"])
def test_all_is_every_plugin_of_the_kind(registry, kind, text):
    found = getattr(resolved(registry, **{kind: (text,)}), kind)
    assert [plugin.name for plugin in found] == sorted(registry.entries[kind])


def test_experiments_match_names_and_all_is_every_one(registry):
    def names(text):
        return [e.name for e in resolve(Request(experiments=(text,)), registry).experiments]

    assert names("match*") == ["matching"] and names("all") == sorted(registry.entries["experiments"])


class Preferring(Experiment):
    """An experiment with presets of its own."""

    name, source = "preferring", "made by the tests"
    presets = {
        "default": Preset(
            models="net",
            datasets="blobs",
            seeds="3",
            layers="conv*",
            indices="cka",
            stitchers="identity",
            view="pooled",
            max_samples=50,
        ),
        "paper": Preset(models="net[width=4]", datasets="blobs"),
    }

    @hookimpl
    def simbench_experiments(self):
        return [self]


@pytest.fixture(scope="module")
def preferring():
    from small_plugins import SmallPlugins

    return load([SmallPlugins(), Preferring()])


def test_an_experiment_takes_from_its_preset_what_is_not_given(preferring):
    found = resolved(preferring, experiments=("preferring",))
    assert ([m.spec for m in found.models], [d.spec for d in found.datasets], found.seeds) == (
        ["net"],
        ["blobs"],
        (0, 1, 2),
    )
    assert [i.spec for i in found.indices] == ["cka"] and [s.spec for s in found.stitchers] == ["identity"]
    assert found.layers == {"net": ("conv1", "conv2")} and found.views == ("pooled",) and found.limit == 50


def test_what_is_given_goes_before_the_preset(preferring):
    found = resolved(
        preferring,
        experiments=("preferring",),
        models=("tiny10",),
        datasets=("digits",),
        seeds="1,2",
        indices=("r2_lr",),
        stitchers=("procrustes",),
        view=("flat",),
        max_samples=99,
    )
    assert ([m.spec for m in found.models], [d.spec for d in found.datasets], found.seeds) == (
        ["tiny10"],
        ["digits"],
        (1, 2),
    )
    assert [i.spec for i in found.indices] == ["r2_lr"] and [s.spec for s in found.stitchers] == ["procrustes"]
    assert found.views == ("flat",) and found.limit == 99
    assert found.layers == {"tiny10": tuple(f"conv{i}" for i in range(1, 9))}, "layers of the preset that the model has"


def test_layers_of_a_preset_that_a_model_lacks_give_way_to_its_default(preferring):
    found = resolved(preferring, experiments=("preferring",), models=("resnet20",), datasets=("digits",))
    assert found.layers["resnet20"] == ("conv1",), "conv* names one layer of it"
    model = preferring.get("models", "resnet20")
    assert (
        resolved(preferring, experiments=("cka_penalty",), models=("resnet20",)).layers["resnet20"]
        == model.default_layers
    )


def test_experiments_of_one_run_each_take_their_own_preset(preferring):
    found = resolve(Request(experiments=("preferring,matching",)), preferring).scopes
    assert [[m.spec for m in scope.models] for scope in found] == [["net"], ["tiny10"]]


def test_another_preset_is_named_or_refused(preferring):
    assert [m.spec for m in resolved(preferring, experiments=("preferring",), preset="paper").models] == [
        "net[width=4]"
    ]
    with pytest.raises(InputError, match="preset of preferring 'papre' is unknown; did you mean 'paper'"):
        resolved(preferring, experiments=("preferring",), preset="papre")


@pytest.mark.parametrize("option", ["models", "datasets"])
def test_a_preset_that_names_no_model_or_data_set_asks_for_one(option, registry):
    class Unprepared(Preferring):
        name = "unprepared"
        presets = Experiment.presets

    unprepared = load([Unprepared()])
    given = {"models": ("tiny10",), "datasets": ("digits",)}
    assert resolved(unprepared, experiments=("unprepared",), **given).limit == 10_000
    message = f"^experiment unprepared has no preset for --{option}; give --{option}$"
    with pytest.raises(InputError, match=message):
        resolved(unprepared, experiments=("unprepared",), **given | {option: ()})


def test_parameters_of_a_preset_give_way_to_those_that_are_typed(registry):
    class Weighted(type(registry.get("experiments", "cka_penalty"))):
        presets = {"default": Preset(params="weight=3,every=7", models="tiny10", datasets="digits")}

    prototype = Weighted()
    entries = {
        **registry.entries,
        "experiments": {"cka_penalty": type(registry.entries["experiments"]["matching"])(prototype, "", "")},
    }
    (found,) = resolve(Request(experiments=("cka_penalty[every=9]",)), type(registry)(entries)).experiments
    assert (found.weight, found.every) == (3, 9)
    (found,) = resolve(Request(experiments=("all",)), type(registry)(entries)).experiments
    assert (found.weight, found.every) == (3, 7)


def test_one_plugin_in_two_configurations_is_two_plugins(registry):
    found = resolved(registry, indices=("svcca[variance=0.9],svcca", "svcca[variance=0.99]")).indices
    assert [index.spec for index in found] == ["svcca[variance=0.9]", "svcca"]


@pytest.mark.parametrize(
    "asked, layers",
    [
        (("bn8,bn2",), ("bn2", "bn8")),
        (("relu1", "bn1", "conv1"), ("conv1", "bn1", "relu1")),
        (("bn*",), DEFAULT),
        (("*2",), ("conv2", "bn2", "relu2")),
        (("bn[1-3]",), DEFAULT[:3]),
        (("bn1", "bn1,bn?"), DEFAULT),
        (("auto",), DEFAULT),
        (("conv1,blocks",), ("conv1", *DEFAULT)),
    ],
)
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
    assert resolved(registry, view=("flat,spatial", "flat")).views == ("flat", "spatial")


@pytest.mark.parametrize("text, seeds", [("2", (0, 1)), ("4,2", (4, 2)), ("7,", (7,))])
def test_seeds(registry, text, seeds):
    assert resolved(registry, seeds=text).seeds == seeds


def test_weights_files_stand_in_for_seeds_in_the_order_given(registry, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    found = resolved(registry, weights=("b.pt, a b.pt", "~/c.pt"))
    assert found.seeds == () and [str(file) for file in found.files] == ["b.pt", "a b.pt", str(tmp_path / "c.pt")]


def test_the_memory_of_a_run_is_that_of_a_bench_unless_told(registry):
    assert resolve(Request(), registry).memory == BUDGET
    assert resolve(Request(memory="1GB"), registry).memory == 2**30
