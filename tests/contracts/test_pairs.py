"""Ordered pairs of the networks of a selection, and the cases made of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest
from small_plugins import Blobs, Net

from simbench import Case, Experiment, Index, Network, Pair, Selection, Setting, Stitcher

LAYERS = {"net": ("bn1", "conv2"), "net[width=4]": ("conv2",)}


class Any(Experiment):
    name, source = "any", "made by the tests"


def selection(*seeds: str) -> Selection:
    networks = tuple(Network(Net(), seed, seed, Path()) for seed in seeds)
    return Selection(Setting(Blobs(), "", 60), networks, LAYERS, ("spatial",), (), ())


FIVE = selection("3", "1", "10", "2", "0")


def at(selection: Selection, layer: str, most: int | None) -> list[tuple[str, str]]:
    return [(pair.a.seed, pair.b.seed) for pair in selection.pairs(most) if pair.layer == layer]


def test_all_pairs_come_in_the_order_in_which_networks_were_typed():
    assert at(FIVE, "bn1", None) == list(permutations(["3", "1", "10", "2", "0"], 2))


def test_the_first_pairs_are_a_ring_in_order_of_the_seeds():
    ring = at(FIVE, "bn1", 5)
    assert ring == [("0", "1"), ("1", "2"), ("2", "3"), ("3", "10"), ("10", "0")]
    for many in (10, 15, 20):
        fronts, ends = zip(*at(FIVE, "bn1", many), strict=True)
        assert set(Counter(fronts).values()) == set(Counter(ends).values()) == {many // 5}


def test_many_first_pairs_are_all_pairs_each_once():
    assert sorted(at(FIVE, "bn1", 10**6)) == sorted(at(FIVE, "bn1", None))
    assert at(FIVE, "bn1", 0) == []


def test_every_layer_has_the_same_number_of_first_pairs():
    assert [pair.layer for pair in FIVE.pairs(2)] == ["bn1", "bn1", "conv2", "conv2"]


@pytest.mark.parametrize("most", [None, 99])
def test_networks_are_paired_at_the_layers_that_both_have(most):
    narrow = Network(Net(4), "0", "narrow", Path())
    some = replace(FIVE, networks=(*FIVE.networks[:2], narrow))
    assert len(at(some, "bn1", most)) == 2 and len(at(some, "conv2", most)) == 6
    assert {pair.layer for pair in some.pairs(most) if narrow in pair} == {"conv2"}


def test_one_network_has_no_pairs():
    assert list(selection("0").pairs()) == list(selection("0").pairs(3)) == []


def test_cases_of_a_pair_are_those_with_every_field_spelt_out():
    setting, (a, b, *_) = FIVE.setting, FIVE.networks
    pair, index, stitcher = Pair("bn1", a, b), Index(), Stitcher()
    assert Case.stitch(Any(), setting, stitcher, pair) == Case(
        Any(), setting, "stitcher", stitcher, a, "bn1", b, "bn1", "spatial"
    )
    assert Case.stitch(Any(), setting, stitcher, pair, "direct").kind == "direct"
    assert Case.compare(Any(), setting, index, pair, "flat") == Case(
        Any(), setting, "index", index, a, "bn1", b, "bn1", "flat"
    )
    assert Case.alone(Any(), setting, a) == Case(Any(), setting, "network", None, a, "", a, "", "")
