"""Indices against packages, and what they cost: both sides give the same numbers, and what is slow is marked."""

from __future__ import annotations

import math

import against_packages
import index_peers_more  # noqa: F401
import index_peers_topology  # noqa: F401
import index_tables
import pandas as pd
import pytest
import record
import torch
import zoo
from index_peers import PEERS, Peer

import simbench

#: Peers that simbench or its tests depend on; the others are optional.
INSTALLED = ("scipy", "scikit-learn", "POT")
REGISTRY = simbench.load()
TOPOLOGY = {"rtd", "persistence", "imd"}  # of plugins/simbench-topology, which need not be installed


def names(specs) -> set[str]:
    return {spec.partition("[")[0] for spec in specs}


@pytest.mark.parametrize(
    "peer",
    [
        pytest.param(peer, marks=[pytest.mark.long] * (peer.index == "pls"))  # a second
        for peer in PEERS
        if peer.who.startswith(INSTALLED)
    ],
    ids=lambda peer: f"{peer.index} {peer.who}",
)
def test_an_index_gives_the_numbers_of_a_package(peer):
    assert not peer.why and against_packages.difference(peer) <= against_packages.TOLERANCE


def test_every_index_of_rows_has_a_peer():
    own = {index.name for index in zoo.measured()}
    assert own | TOPOLOGY == names(peer.index for peer in PEERS)


def test_a_difference_is_relative_and_the_largest_over_the_data_sets():
    def twice_off(a, b) -> float:
        exact = simbench.similarity("bures", a, b)
        return exact * (1.5 if a.shape[1] == b.shape[1] else 1.25)

    assert against_packages.difference(Peer("bures", "a package", twice_off)) == pytest.approx(0.5)
    assert against_packages.difference(Peer("bures", "a package", twice_off, sets=(0, 1))) == pytest.approx(0.25)


def test_a_peer_that_is_absent_or_fails_has_a_row_that_says_so(tmp_path):
    def absent(a, b) -> float:
        raise ImportError("no such package")

    def fails(a, b) -> float:
        raise IndexError("too wide")

    figures = [against_packages.figure(Peer("cka", "a package", call), 40, 1) for call in (absent, fails)]
    record.write("against_packages", figures, tmp_path)
    rows = record.read("against_packages", tmp_path)
    assert [row["note"] for row in rows] == ["absent: no such package", "fails: IndexError: too wide"]
    assert "a package |  |  |  | fails: IndexError: too wide |" in index_tables.against_packages(rows)


def test_a_peer_is_timed_beside_ours(tmp_path):
    peer = Peer("cka", "a package", lambda a, b: simbench.similarity("cka", a, b) + 0.25, "it adds a quarter")
    figure = against_packages.figure(peer, 40, 2)
    assert figure.seconds > 0 and figure.against_seconds > 0 and figure.difference == pytest.approx(0.25)
    assert figure.tolerance is None and figure.where.startswith("40 rows")
    record.write("against_packages", [figure], tmp_path)
    assert "| 0.25 | it adds a quarter |" in index_tables.against_packages(record.read("against_packages", tmp_path))


def test_a_package_that_changes_the_threads_is_timed_with_those_that_were_set():
    threads, seen = torch.get_num_threads(), []

    def changing(a, b) -> float:
        seen.append(torch.get_num_threads())
        torch.set_num_threads(threads + 1 if len(seen) == 3 else threads)  # the last call that compares values
        return 0.0

    try:
        against_packages.figure(Peer("cka", "a package", changing), 40, 1)
    finally:
        torch.set_num_threads(threads)
    assert len(seen) > 3 and set(seen) == {threads}


@pytest.mark.parametrize("name", ["mutual_knn", "r2_lr"])
def test_networks_together_have_the_values_of_their_pairs(name):
    sides = zoo.networks(3, 50, 6)
    keys = [f"networks.{i}" for i in range(3)]
    frame = simbench.similarities(name, *(zoo.Bank(sides),) * 2, [torch.arange(50)], keys)
    assert len(frame) == 9 and set(frame["status"]) == {"ok"}
    for row in frame.itertuples():
        a, b = (sides[int(key[-1])] for key in (row.layer_a, row.layer_b))
        assert row.value == pytest.approx(simbench.similarity(name, a, b), abs=1e-9)


def test_an_index_that_is_slow_is_measured_on_fewer_networks():
    sides = zoo.networks(6, 60, 6)
    quick, slow = (zoo.together(REGISTRY.get("indices", name), sides, 1) for name in ("jaccard", "pls[components=2]"))
    assert quick.where.startswith("6 networks") and quick.wanted == zoo.LESS
    assert slow.where.startswith("5 networks") and slow.wanted is None


@pytest.mark.long
def test_the_zoo_is_measured_small(tmp_path):
    figures = zoo.main(["--quick", "--out", str(tmp_path)])
    rows = record.read("zoo", tmp_path)
    assert len(rows) == len(figures) == 2 * len(zoo.measured()) + len(zoo.measured()) - len(zoo.FURTHER) + 1
    assert all(math.isfinite(figure.value) for figure in figures)
    total = figures[-1]
    each = [figure for figure in figures[:-1] if figure.target == "12"]
    assert total.seconds == pytest.approx(sum(figure.seconds for figure in each))
    table = index_tables.zoo(rows).splitlines()
    assert len(table) == 2 + len(zoo.measured()) + 1 and "| all indices |" in table[-1]


def test_an_index_that_takes_more_than_a_second_is_marked_as_slow():
    """By the published seconds of 2,000 rows of 256 and 256 features; every index has them."""
    rows = pd.DataFrame(row for row in record.read("zoo") if row["target"] == "11")
    assert "2,000 rows of 256 and 256 features" in set(rows["where"]) and rows["where"].nunique() == 1
    specs = rows["what"].str.rpartition(":")[0]
    assert set(specs) == {index.spec for index in zoo.measured()}
    for spec, seconds in rows["value"].astype(float).groupby(specs).max().items():
        assert seconds <= zoo.SECOND or REGISTRY.get("indices", spec).slow, f"{spec} took {seconds} s"


def test_published_values_of_packages_differ_by_a_convention_only():
    rows = record.read("against_packages")
    published = {(row["what"], row["against"]) for row in rows}
    peers = {(peer.index, peer.who) for peer in PEERS}
    assert published <= peers and names(index for index, _ in published) == names(index for index, _ in peers)
    for row in rows:
        assert not row["note"].startswith("fails"), row
        if row["tolerance"]:
            assert float(row["difference"]) <= float(row["tolerance"]), row
