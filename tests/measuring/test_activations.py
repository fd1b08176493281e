"""Representations are what the whole network computes, however they are held."""

from dataclasses import replace

import pytest
import torch
from small_networks import case, installed
from small_plugins import Net

from simbench import Moments
from simbench.contracts.selection import Selection, Setting
from simbench.measuring import passes
from simbench.measuring.activations import Activations
from simbench.measuring.augmented import Augmented
from simbench.measuring.bench import Workbench
from simbench.measuring.held import Later, OnDemand
from simbench.moments.views import rows
from simbench.networks import weights
from simbench.networks.inputs import augmented, draw, normalised


@pytest.fixture
def networks(small, cache):
    return list(small.networks[:2])


@pytest.fixture
def setting(small_registry):
    dataset = small_registry.get("datasets", "blobs")
    return Setting(dataset, dataset.fingerprint(), 10_000)


def stages(network, setting, images, stop=""):
    """What the stages up to `stop`, or all, make of images, one by one."""
    x = normalised(images, setting.dataset)
    with torch.no_grad():
        for name, stage in weights.load(network, setting.dataset).named_children():
            x = stage(x)
            if name == stop:
                return x
    return x


def through(network, setting, layer, split="test"):
    """Output of a stage, by running the stages one by one on all images at once."""
    return stages(network, setting, draw(setting.dataset.split(split), setting.limit, 0)[0], layer)


@pytest.mark.parametrize("budget", [0, 60_000, 10**9])
def test_representations_are_those_of_the_network_whatever_is_held(networks, setting, budget):
    activations = Activations(setting, budget=budget)
    for layer in ("conv1", "bn1", "conv2", "bn1", "fc"):
        for split in ("test", "train"):
            found = activations.tensor(networks[0], layer, split)
            torch.testing.assert_close(found, through(networks[0], setting, layer, split))
            assert torch.equal(torch.cat(list(activations.batches(networks[0], layer, split))), found)
    assert activations.held.nbytes <= budget


def test_a_deeper_layer_goes_on_from_a_held_one(networks, setting):
    activations = Activations(setting)
    activations.tensor(networks[0], "bn1", "test")
    calls = []
    for name, stage in activations.halves(networks[0], "conv2")[0].named_children():
        stage.register_forward_hook(lambda *_, name=name: calls.append(name))
    activations.tensor(networks[0], "conv2", "test")
    assert calls[-1] == "conv2" and "bn1" not in calls


def test_a_representation_is_the_same_to_the_last_bit_whatever_it_goes_on_from(networks, setting):
    """Also between a convolution and the batch norm that is folded into it."""
    layers = networks[0].model.layers
    for layer in layers:
        alone = Activations(setting).tensor(networks[0], layer, "test")
        for below in layers[: layers.index(layer)]:
            other = Activations(setting)
            other.tensor(networks[0], below, "test")
            assert torch.equal(other.tensor(networks[0], layer, "test"), alone), (below, layer)


class Bent(Net):
    """Another architecture whose parameters are those of `net`."""

    name = "bent"

    def build(self, channels, classes):
        net = super().build(channels, classes)
        net.relu1 = torch.nn.Tanh()
        return net


def test_two_architectures_of_one_content_of_weights_are_held_apart(networks, setting):
    straight = networks[0]
    bent, held = replace(straight, model=Bent()), Activations(setting)
    assert straight.weights == bent.weights and straight.content != bent.content
    for layer in ("relu1", "fc"):
        for network in (straight, bent):
            alone = Activations(setting).tensor(network, layer, "test")
            assert torch.equal(held.tensor(network, layer, "test"), alone)
        assert not torch.equal(held.tensor(straight, layer, "test"), alone)


def test_all_cuts_share_the_folded_weights(networks, setting):
    held = Activations(setting)
    (front, _), (_, end) = held.halves(networks[0], "conv2"), held.halves(networks[0], "bn1")
    whole = {id(x) for x in held._whole[networks[0].content].parameters()}
    assert {id(x) for x in end.parameters()} <= whole and not front.training and not end.training


@pytest.mark.parametrize("view", ["spatial", "pooled"])
def test_the_stack_holds_the_moments_of_every_pair(networks, setting, view):
    members = tuple((network, "bn1") for network in networks)
    held = Activations(setting, batch=16)  # several batches
    (stack,) = passes.taken(held, [passes.Stack(members, ((0, 1),))], "test", view)
    a, b = (rows(held.tensor(network, "bn1", "test"), view) for network in networks)
    expected = Moments.of(a, b)
    found = stack.pair(0, 1)
    for name in ("mean_a", "mean_b", "aa", "bb", "ab"):
        torch.testing.assert_close(getattr(found, name), getattr(expected, name), rtol=1e-10, atol=1e-8)
    assert found.n == expected.n


def test_coordinates_keep_every_inner_product_of_view_flat(networks, setting):
    held = Activations(setting)
    selection = Selection(setting, networks, {"net": ("bn1",)}, ("flat",), (), ())
    coordinates, _, m = Workbench(selection).coordinates(case(selection, installed().get("indices", "cka")), "test")
    x = rows(held.tensor(networks[0], "bn1", "test"), "flat").double()
    x -= x.mean(0)
    slack = sum(x.shape) * torch.finfo(x.dtype).eps * float((x @ x.mT).max())  # of n + p products
    torch.testing.assert_close(coordinates @ coordinates.mT, x @ x.mT, rtol=0, atol=slack)
    assert m.a.whitened.rank == len(x) - 1


def test_the_end_on_the_front_gives_the_outputs_of_the_network(networks, setting):
    activations = Activations(setting)
    x = activations.tensor(networks[0], "bn1", "test")
    with torch.no_grad():
        torch.testing.assert_close(
            activations.end(networks[0], "bn1")(x), activations.outputs(networks[0], "test"), rtol=1e-5, atol=1e-5
        )
    assert activations.outputs(networks[0], "test").shape == (60, 3)
    assert activations.shape(networks[0], "conv2") == (8, 3, 3)


def test_view_flat_takes_a_seeded_sample_spread_over_the_images(networks, setting):
    """The images lie sorted by class in some data sets: the first ones are no sample."""
    activations = Activations(setting, flat=20)
    everything = activations.tensor(networks[0], "bn1", "test")
    drawn = activations.drawn("test", "flat")
    places = drawn.tolist()
    assert len(set(places)) == 20 and places == sorted(places) and places != list(range(20)) and max(places) > 40
    assert torch.equal(activations.drawn("test", "flat"), drawn)
    assert activations.drawn("test", "spatial") is None and Activations(setting).drawn("test", "flat") is None
    assert torch.equal(activations.tensor(networks[0], "bn1", "test", drawn), everything[drawn])
    assert torch.equal(activations.tensor(networks[0], "bn1", "test", None), everything)


def test_a_module_that_stands_in_two_places_is_run_in_both(small_registry, cache):
    """One ReLU object after every convolution."""
    from collections import OrderedDict

    from small_plugins import Net
    from torch import nn

    class Shared(Net):
        name = "shared"

        def build(self, channels, classes):
            relu = nn.ReLU()
            return nn.Sequential(
                OrderedDict(
                    conv1=nn.Conv2d(channels, 4, 3),
                    bn1=relu,
                    conv2=nn.Conv2d(4, 5, 3),
                    relu2=relu,
                    conv3=nn.Conv2d(5, 5, 1),
                    relu3=relu,
                    pool=nn.AdaptiveAvgPool2d(1),
                    flatten=nn.Flatten(),
                    fc=nn.Linear(5, classes),
                    last=relu,
                )
            )

    dataset = small_registry.get("datasets", "blobs")
    network = weights.trained(Shared(), dataset, dataset.fingerprint(), 0)
    activations = Activations(Setting(dataset, dataset.fingerprint(), 10_000))
    x = normalised(draw(dataset.split("test"), 10_000, 0)[0], dataset)
    with torch.no_grad():
        for stages, layer in ((1, "conv1"), (2, "bn1"), (3, "conv2"), (4, "relu2"), (5, "conv3"), (9, "fc")):
            expected = activations.net(network)[:stages](x)
            assert expected.std() > 0
            torch.testing.assert_close(activations.tensor(network, layer, "test"), expected)
        torch.testing.assert_close(activations.outputs(network, "test"), activations.net(network)(x))


def test_activations_too_large_to_hold_are_those_that_would_be_held(networks, setting):
    chosen = torch.tensor([7, 3, 59, *range(20, 50)])  # more than one forward pass takes
    held, large = Activations(setting, batch=16), Activations(setting, budget=0, batch=16)
    tensor = held.tensor(networks[0], "conv2", "test", lazy=True)
    on_demand = large.tensor(networks[0], "conv2", "test", lazy=True)
    assert isinstance(tensor, torch.Tensor) and isinstance(on_demand, OnDemand)
    torch.testing.assert_close(on_demand[chosen], tensor[chosen])
    assert not list(large.held) and not on_demand[chosen].requires_grad


@pytest.mark.parametrize("layer", ["conv1", "bn1", "conv2", "fc"])
def test_an_image_is_the_same_to_the_last_bit_in_whatever_batch_it_passes(networks, setting, layer):
    """Alone, too, where matrix products would take another road: gaps in what is held must not show."""
    whole = Activations(setting).tensor(networks[0], layer, "train")
    for below in ("", "conv1"):
        source = Activations(setting)
        if below:
            source.tensor(networks[0], below, "train")
        source.budget = 0  # nothing more fits
        for count in (1, 2, 3, 7, 8, 30, 149):
            chosen = torch.randperm(150, generator=torch.Generator().manual_seed(count))[:count]
            found = source.tensor(networks[0], layer, "train", chosen)
            assert torch.equal(found, whole[chosen]), count
            assert found.ndim == 2 or found.is_contiguous(memory_format=torch.channels_last)


def test_the_sample_of_view_flat_is_the_same_to_the_last_bit_held_or_not(networks, setting):
    sources = [Activations(setting, budget=budget, flat=20) for budget in (10**9, 0)]
    held, large = (source.tensor(networks[0], "conv2", "test", source.drawn("test", "flat")) for source in sources)
    assert (
        torch.equal(held, large) and held.stride() == large.stride() and [len(list(s.held)) for s in sources] == [1, 0]
    )


def test_later_makes_activations_once_and_only_when_asked(networks, setting):
    calls, held = [], Activations(setting)

    def compute():
        calls.append(1)
        return held.tensor(networks[0], "bn1", "test", lazy=True)

    later = Later(compute)
    assert not calls
    for _ in range(2):
        assert torch.equal(later[torch.tensor([2, 0])], held.tensor(networks[0], "bn1", "test")[[2, 0]])
    assert len(calls) == 1


WANTED = [
    frozenset(),
    frozenset({"logits_a"}),
    frozenset({"logits_b"}),
    frozenset({"own"}),
    frozenset({"logits_a", "logits_b", "own"}),
]


@pytest.mark.parametrize("wanted", WANTED, ids=lambda wanted: "+".join(sorted(wanted)) or "nothing")
def test_both_networks_see_the_same_augmented_images(networks, setting, wanted):
    """The layers may differ; what is not wanted is not computed."""
    a, b = networks
    source = Activations(setting)
    passed = []
    for name, network in (("a", a), ("b", b)):
        source.net(network).conv1.register_forward_hook(lambda *_, name=name: passed.append(name))
    chosen = torch.tensor([5, 149, 0, 77])
    batch = Augmented(source, a, "bn1", b, "conv2")(chosen, torch.Generator().manual_seed(8), wanted)
    train = draw(setting.dataset.split("train"), setting.limit, 0)
    images = augmented(train[0][chosen], torch.Generator().manual_seed(8))
    assert not torch.equal(images, train[0][chosen]) and torch.equal(batch.labels, train[1][chosen])
    torch.testing.assert_close(batch.x, stages(a, setting, images, stop="bn1"))
    expected = {
        "logits_a": stages(a, setting, images),
        "logits_b": stages(b, setting, images),
        "own": stages(b, setting, images, stop="conv2"),
    }
    for name, value in expected.items():
        if name in wanted:
            torch.testing.assert_close(getattr(batch, name), value, rtol=1e-4, atol=1e-5)
        else:
            assert getattr(batch, name) is None
    assert passed == (["a", "b"] if wanted & {"own", "logits_b"} else ["a"])
    assert not batch.x.requires_grad


def test_a_sweep_under_a_small_budget_spares_what_is_taken_together(networks, setting):
    """The moments of two layers that fit together, after one that cost more to make for its size."""
    probe = Activations(setting)
    size = sum(probe.tensor(network, "bn1", "test").nbytes for network in networks)
    activations = Activations(setting, budget=size)
    activations.held.keep((networks[0].content, "fc", "test"), probe.tensor(networks[0], "fc", "test"), 1e9)
    stack = passes.Stack(tuple((network, "bn1") for network in networks), ((0, 1),))
    assert passes.hold(activations, stack, "test")
    assert set(activations.held) == {(network.content, "bn1", "test") for network in networks}
