"""Moments of the pairs of a design are taken together, those of others alone; which, changes no bit. A layer is
factorised once, whatever it is paired with."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
import torch
from small_cases import stitcher
from small_networks import case

from simbench.contracts import Design
from simbench.measuring import passes
from simbench.measuring.activations import Activations
from simbench.measuring.bench import Workbench
from simbench.measuring.stacks import Stacks

PARTS = ("mean_a", "mean_b", "aa", "bb", "ab")


@pytest.fixture
def calls(monkeypatch):
    """(number of representations, number of different pairs) of every pass."""
    made, taken = [], passes.taken

    def spied(activations, stacks, *given):
        made.extend((len(stack.members), len(stack.pairs)) for stack in stacks)
        return taken(activations, stacks, *given)

    monkeypatch.setattr(passes, "taken", spied)
    return made


def stacks(small, design: str) -> Stacks:
    return Stacks(Activations(small.setting), replace(small, design=Design.of(design)))


def test_one_pass_serves_all_pairs_of_the_design_and_one_each_other_pair(small, calls):
    """Three networks in a ring: balanced:1 has three of their six ordered pairs, in both orders all of them."""
    held = stacks(small, "balanced:1")
    a, b, c = ((network, "bn1") for network in small.networks)
    for left, right in ((a, b), (b, a), (a, c), (a, a)):
        held.pair(left, right, "test", "spatial")
    assert calls == [(3, 3)]
    other = (a[0], "relu1")
    for _ in range(2):
        held.pair(a, other, "test", "spatial")
        held.pair(b, other, "test", "spatial")
    held.pair(a, b, "train", "spatial")
    assert calls == [(3, 3), (2, 1), (2, 1), (3, 3)]


def test_pairs_outside_the_design_take_no_other_network(small, calls):
    held = stacks(replace(small, networks=small.networks[:2]), "all")
    outside = (small.networks[2], "bn1")
    for network in small.networks[:2]:
        held.pair((network, "bn1"), outside, "test", "spatial")
    held.pair(outside, outside, "test", "spatial")
    assert calls == [(2, 1), (2, 1)]


@pytest.mark.parametrize("view", ["spatial", "pooled"])
def test_alone_and_together_are_the_same_bits(small, view):
    together, alone = stacks(small, "all"), stacks(replace(small, networks=small.networks[:1]), "all")
    a, b = ((network, "bn1") for network in small.networks[:2])
    for left, right in ((a, b), (b, a), (b, b)):
        expected = together.pair(left, right, "test", view)
        for name in PARTS:
            assert torch.equal(getattr(alone.pair(left, right, "test", view), name), getattr(expected, name)), name


@pytest.mark.parametrize("memory", [2**30, 1])
def test_every_layer_against_every_other_is_the_same_bits_as_alone(small, memory):
    sides = [[(network, layer) for layer in ("bn1", "relu1", "conv2")] for network in small.networks[:2]]
    held = Stacks(Activations(small.setting, budget=memory), small)
    for a, b in itertools.product(*sides):
        expected, found = (each.pair(a, b, "test", "pooled") for each in (stacks(small, "all"), held))
        for name in PARTS:
            assert torch.equal(getattr(found, name), getattr(expected, name)), (a[1], b[1], name)
        assert torch.equal(found.a.whitened.whitening, expected.a.whitened.whitening)


@pytest.mark.parametrize("stitch", ["least_squares", "least_squares[bias=false]", "reduced_rank[rank=2]"])
def test_stitches_of_one_front_come_from_one_factorisation(small, monkeypatch, stitch):
    """Three fronts, each into three ends."""
    context, made, eigh = Workbench(small), [], torch.linalg.eigh
    monkeypatch.setattr(torch.linalg, "eigh", lambda x, *options: made.append(len(x)) or eigh(x, *options))
    fronts = ends = ("conv1", "bn1", "relu1")
    for front, end in itertools.product(fronts, ends):
        one = case(small, stitcher(stitch), layer=front, layer_b=end)
        context.fit(one.method, one)
    assert len(made) == len(fronts)


def test_halves_of_the_inputs_are_held_apart_from_the_whole(small, calls):
    held = stacks(small, "balanced:1")
    a, b = ((network, "bn1") for network in small.networks[:2])
    whole, first, second = (held.pair(a, b, "test", "spatial", half) for half in (None, 0, 1))
    assert len(calls) == 3
    assert first.n + second.n == whole.n
    torch.testing.assert_close((first + second).ab, whole.ab, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("untrained", [False, True])
def test_where_activations_do_not_fit_one_pass_gives_all_layers_to_the_last_bit(small, calls, untrained):
    """150 images are two batches, which the first stage of each network sees once; it is asked for two layers."""
    networks = [network.untrained if untrained else network for network in small.networks]
    whole, little = Stacks(Activations(small.setting), small), Stacks(Activations(small.setting, budget=200_000), small)
    seen = []
    for network in networks:
        first, *_ = little.activations.front(network, "conv2").children()
        assert little.activations.shape(network, "bn1") and little.activations.shape(network, "conv2")
        first.register_forward_hook(lambda *_, name=network.name: seen.append(name))
    asked = [(layer, a, b) for layer in ("bn1", "conv2") for a, b in itertools.permutations(networks, 2)]
    found = [little.pair((a, layer), (b, layer), "train", "spatial") for layer, a, b in asked]
    assert calls == [(3, 3), (3, 3)] and sorted(seen) == sorted(2 * [network.name for network in networks])
    for (layer, a, b), m in zip(asked, found, strict=True):
        expected = whole.pair((a, layer), (b, layer), "train", "spatial")
        for name in PARTS:
            assert torch.equal(getattr(m, name), getattr(expected, name)), (layer, name)


@pytest.mark.parametrize(("short", "layers"), [(0, 2), (8, 1)])
def test_layers_above_are_taken_as_long_as_their_products_fit_an_eighth_of_the_memory(small, calls, short, layers):
    (a, b), width = small.networks[:2], Activations(small.setting).shape(small.networks[0], "conv2")[0]
    products = 8 * width**2 * (3 + 3)  # of three networks and their pairs
    little = Stacks(Activations(small.setting, budget=8 * products - short), small)
    little.pair((a, "bn1"), (b, "bn1"), "train", "spatial")
    assert len(calls) == layers


def test_a_layer_above_that_cannot_be_computed_costs_the_layers_below_nothing(small):
    little = Stacks(Activations(small.setting, budget=200_000), small)
    a, b = small.networks[:2]
    for network in small.networks:
        little.activations.shape(network, "conv2")
    last = list(little.activations.front(b, "conv2").children())[-1]
    last.register_forward_pre_hook(lambda *_: 1 / 0)
    assert little.pair((a, "bn1"), (b, "bn1"), "train", "spatial").n == 150 * 64
    with pytest.raises(ZeroDivisionError):
        little.pair((a, "conv2"), (b, "conv2"), "train", "spatial")


@pytest.mark.parametrize("untrained", [False, True])
def test_activations_are_held_for_the_ends_of_trained_networks_alone(small, untrained):
    held = Stacks(Activations(small.setting), small)
    a, b, c = (network.untrained if untrained else network for network in small.networks)
    held.pair((a, "bn1"), (b, "bn1"), "test", "spatial")
    expected = set() if untrained else {(network.content, "bn1", "test") for network in (a, b, c)}
    assert set(held.activations.held) == expected
    held.pair((a, "bn1"), (b, "relu1"), "test", "spatial")  # one of many pairs of layers, outside the design
    assert {(a.content, "bn1", "test"), (b.content, "relu1", "test")} <= set(held.activations.held)
