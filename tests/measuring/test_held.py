"""What is held: as much as fits, and of that what costs most to make again for its size."""

import pytest
import torch

from simbench.measuring.held import Held


def held(budget, *given):
    """`given`: (key, numbers, seconds), made one after the other as activations are."""
    store = Held(budget)
    for key, numbers, seconds in given:
        store.make_room(4 * numbers)
        store.keep(key, torch.zeros(numbers), seconds)
    return store


def test_what_fits_is_held_and_given_back():
    store = held(80, ("a", 10, 1.0), ("b", 10, 5.0))
    assert store.nbytes == 80 and list(store) == ["a", "b"]
    assert store["a"].shape == (10,) and "c" not in store
    with pytest.raises(KeyError):
        store["c"]


def test_the_cheapest_to_make_again_is_forgotten_first_however_lately_it_came():
    assert list(held(80, ("dear", 10, 9.0), ("cheap", 10, 1.0), ("new", 10, 2.0))) == ["dear", "new"]


def test_cheap_is_what_takes_little_time_for_its_size():
    """20 numbers in 3 seconds cost less a byte than 10 in 2."""
    assert list(held(120, ("large", 20, 3.0), ("small", 10, 2.0), ("new", 10, 1.0))) == ["small", "new"]


def test_of_equals_the_one_unused_for_longest_is_forgotten_first():
    store = held(80, ("a", 10, 1.0), ("b", 10, 1.0), ("c", 10, 1.0))  # a is given up, and the rest counts from there
    assert list(store) == ["b", "c"]
    store["b"]
    store.make_room(40)
    assert list(store) == ["b"]


def test_what_was_dear_once_and_is_never_used_again_is_forgotten_in_the_end():
    store = held(80, ("dear", 10, 5.0))
    for count in range(1, 12):
        store.make_room(40)
        store.keep(count, torch.zeros(10), 1.0)
    assert "dear" not in store


def test_what_never_fits_pushes_nothing_out_and_is_not_held():
    store = held(80, ("a", 10, 1.0), ("huge", 21, 100.0))
    assert list(store) == ["a"]
    assert list(held(0, ("a", 10, 1.0))) == []


def test_what_is_spared_stays_however_cheap():
    store = held(80, ("cheap", 10, 1.0), ("dear", 10, 9.0))
    store.make_room(40, {"cheap"})
    assert list(store) == ["cheap"]
    store.make_room(80, {"cheap"})
    store.keep("new", torch.zeros(20), 1.0)  # there is no room beside it
    assert list(store) == ["cheap"]
