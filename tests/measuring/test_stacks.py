"""Moments of the pairs of a design are taken together, those of others alone; which, changes no bit."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from simbench.contracts import Design
from simbench.measuring.activations import Activations
from simbench.measuring.stacks import Stacks

PARTS = ("mean_a", "mean_b", "aa", "bb", "ab")


@pytest.fixture
def calls(monkeypatch):
    """(number of representations, number of different pairs) of every pass."""
    made, stack = [], Activations.stack

    def spied(self, members, split, view, pairs=None, chosen=None):
        made.append((len(members), len(pairs)))
        return stack(self, members, split, view, pairs, chosen)

    monkeypatch.setattr(Activations, "stack", spied)
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


def test_halves_of_the_inputs_are_held_apart_from_the_whole(small, calls):
    held = stacks(small, "balanced:1")
    a, b = ((network, "bn1") for network in small.networks[:2])
    whole, first, second = (held.pair(a, b, "test", "spatial", half) for half in (None, 0, 1))
    assert len(calls) == 3
    assert first.n + second.n == whole.n
    torch.testing.assert_close((first + second).ab, whole.ab, rtol=1e-9, atol=1e-9)
