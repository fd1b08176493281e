"""Designs: balanced, nested, seeded, and free of the order in which networks are typed."""

from __future__ import annotations

from collections import Counter
from itertools import combinations, permutations

import pytest

from simbench import Design, InputError
from simbench.contracts.design import offsets

SIZES = [(size, count) for size in (2, 3, 6, 7, 12, 24) for count in range(1, size)]


def drawn(size: int, design: str, seed: int = 0) -> list[tuple[int, int]]:
    return list(Design.of(design).pairs(range(size), [f"net-{i}" for i in range(size)], seed))


@pytest.mark.parametrize(("size", "count"), SIZES)
def test_every_network_is_a_front_and_an_end_equally_often_and_no_pair_comes_twice(size, count):
    pairs = drawn(size, f"balanced:{count}")
    for side in zip(*pairs, strict=True):
        assert Counter(side) == dict.fromkeys(range(size), count)
    assert len(set(pairs)) == len(pairs) and all(a != b for a, b in pairs)


def test_the_densest_balanced_design_is_all_pairs():
    assert sorted(drawn(7, "balanced:6")) == sorted(drawn(7, "all")) == list(permutations(range(7), 2))


def test_a_larger_design_contains_a_smaller_one():
    for count in range(1, 11):
        assert set(drawn(12, f"balanced:{count}")) < set(drawn(12, f"balanced:{count + 1}"))


@pytest.mark.parametrize("size", [7, 12, 24])
def test_no_pair_comes_in_both_directions_before_half_of_all_are_taken(size):
    pairs = set(drawn(size, f"balanced:{(size - 1) // 2}"))
    assert not any((b, a) in pairs for a, b in pairs)


def test_two_fronts_share_one_end_at_most_where_that_is_possible():
    pairs = drawn(24, "balanced:4")
    ends = {front: {b for a, b in pairs if a == front} for front in range(24)}
    assert max(len(ends[a] & ends[b]) for a, b in combinations(range(24), 2)) == 1


def test_the_ring_is_drawn_with_the_seed_and_not_by_the_order_of_the_networks():
    assert set(drawn(24, "balanced:4")) == set(drawn(24, "balanced:4")) != set(drawn(24, "balanced:4", seed=1))
    names = [f"net-{i}" for i in range(24)]
    backwards = Design(4).pairs(names[::-1], names[::-1], 0)
    assert set(backwards) == {(names[a], names[b]) for a, b in drawn(24, "balanced:4")}


def test_offsets_of_a_difference_set_are_found():
    assert offsets(7, 3) == (1, 2, 4)  # every distance in the ring once: the lines of the Fano plane


def test_a_single_network_has_no_pairs():
    assert drawn(1, "balanced:4") == drawn(1, "all") == []


@pytest.mark.parametrize("text", ["", "balanced", "balanced:", "balanced:0", "balanced:-1", "balanced:x", "all:2", "4"])
def test_another_text_names_no_design(text):
    with pytest.raises(InputError, match=r"--pairs is '.*'; allowed: all, or balanced:K for K fronts per end"):
        Design.of(text)


def test_a_design_that_the_networks_do_not_allow_says_how_many_there_are():
    with pytest.raises(InputError, match="--pairs is balanced:6, and there are 6 networks; allowed: .*balanced:5;"):
        drawn(6, "balanced:6")
