"""Cases in columns: equal to those that were planned, in the order of a plan, and small."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

import simbench
from simbench.contracts.case import Case
from simbench.contracts.selection import Network, Pair, Setting
from simbench.runs.cases import Cases, ordered


@pytest.fixture(scope="module")
def registry():
    return simbench.load()


@pytest.fixture(scope="module")
def planned(registry) -> list[Case]:
    """Two indices on all pairs of three networks at two layers, the deeper first, with repeats of one case: under the
    same names, and under another name of a network of the same content."""
    model, data = registry.get("models", "tiny10"), registry.get("datasets", "digits")
    matching, setting = registry.get("experiments", "matching"), Setting(data, "f" * 64, 100)
    nets = [Network(model, str(k), f"{k:064x}", Path(f"{k}.pt"), graph="g") for k in range(3)]
    cases = [
        Case.compare(matching, setting, registry.get("indices", name), Pair(layer, a, b), "spatial")
        for layer in ("bn7", "bn2")
        for name in ("cka", "r2_lr")
        for a in nets
        for b in nets
        if a is not b
    ]
    again = Case.compare(matching, setting, cases[0].method, Pair("bn7", nets[0], nets[1]), "spatial")
    renamed = Network(model, "twin", nets[0].weights, Path("twin.pt"), graph="g")
    twin = Case.compare(matching, setting, cases[0].method, Pair("bn7", renamed, nets[1]), "spatial")
    return [Case.alone(matching, setting, nets[2]), *cases, again, twin]


def by_hand(cases: list[Case]) -> list[Case]:
    """The order of a plan, said in the plainest way."""
    once: dict = {}
    for case in cases:
        once.setdefault((case.key, case.a.name, case.b.name), case)
    groups: dict = {}
    for case in once.values():
        groups.setdefault((*case.group, case.a.name, case.b.name), []).append(case)

    def depth(case: Case) -> int:
        layers = case.a.model.layers
        return layers.index(case.layer_a) if case.layer_a in layers else -1

    return [case for group in sorted(groups.values(), key=lambda group: depth(group[0])) for case in group]


def test_cases_come_back_equal_with_their_keys_and_hold_the_same_networks(planned):
    found = Cases.of(planned)
    assert list(found) == planned and found == planned and found != planned[1:]
    assert list(found.hashes()) == [case.key for case in planned] == [case.key for case in found]
    assert all(x.a is y.a and x.method is y.method for x, y in zip(found, planned, strict=True))
    assert found[-1] == planned[-1] and found[2:9:3] == planned[2:9:3]
    with pytest.raises(IndexError):
        found[len(planned)]


def test_cases_are_in_order_of_depth_once_and_pairs_stay_together(planned):
    found = ordered(Cases.of(planned))
    assert list(found) == by_hand(planned) and len(found) == len(planned) - 1
    assert [case.layer_a for case in found[:2]] == ["", "bn2"]
    reverse = planned[::-1]
    assert list(ordered(Cases.of(reverse))) == by_hand(reverse)
    assert list(ordered(Cases.of(()))) == []


def test_some_of_some_cases_are_those_at_their_places(planned):
    found = Cases.of(planned).take([5, 3, 8]).take(np.array([2, 0]))
    assert list(found) == [planned[8], planned[5]]
    assert list(found.hashes()) == [planned[8].key, planned[5].key]
    assert found.each("a", lambda network: network.seed).tolist() == [planned[8].a.seed, planned[5].a.seed]
    assert list(found.alone()) == list(found)


def test_what_is_sent_of_cases_are_the_cases_alone(planned):
    whole = Cases.of(planned)
    sent = pickle.loads(pickle.dumps(whole.take([4])))
    assert sent == (planned[4],) and len(pickle.dumps(whole.take([4]))) < len(pickle.dumps(tuple(planned)))


def test_a_case_takes_some_tens_of_bytes(planned):
    """Of many: what differs between cases, and not the cases."""
    many = 4000
    found = ordered(Cases.of(planned)).take(np.arange(many) % 20).alone()
    assert len(found) == many and found.nbytes / many < 60
