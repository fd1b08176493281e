"""What indices read of one pair is ready for the next pairs, and is the same to the last bit."""

from __future__ import annotations

import pytest
import torch

import simbench
from simbench.comparison.ahead import WIDEST, ahead
from simbench.moments.layers import LayerMoments

INDICES = "cka,r2_lr,cca,svcca,pwcca"


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def moments(widths=(5, 7, 6), rows=200):
    generator = torch.Generator().manual_seed(0)
    return LayerMoments.of([[torch.randn(rows, p, generator=generator, dtype=torch.float64) for p in widths]])


def test_what_is_read_of_a_pair_is_ready_for_those_that_follow(two_threads):
    held, seen = moments(), []
    for pair, m in ahead(held.pairs, lambda pair: held.pair(*pair), 7):
        assert torch.get_num_threads() == 1
        seen.append((pair, "canonical" in vars(m), "whitened" in vars(m.b)))
        alone = moments().pair(*pair)
        assert torch.equal(m.canonical[0], alone.canonical[0]) and torch.equal(m.canonical[1], alone.canonical[1])
    assert [pair for pair, *_ in seen] == held.pairs and len(seen) == 6
    assert not seen[0][1] and all(ready and side for _, ready, side in seen[1:])
    assert torch.get_num_threads() == 2


def test_what_was_read_of_earlier_pairs_is_ready_for_the_first(two_threads):
    read = {}
    for _, m in ahead(moments().pairs, lambda pair: moments().pair(*pair), 7, read):
        _ = m.canonical
    assert "canonical" in read["pair"] and "whitened" in read["side"]
    other = moments()
    for _, m in ahead(other.pairs, lambda pair: other.pair(*pair), 7, read):
        assert "canonical" in vars(m) and "whitened" in vars(m.a)


def test_pairs_that_nobody_asks_for_any_more_end_with_the_others(two_threads, capsys):
    read = {"pair": {"canonical"}, "side": {"whitened"}}
    held = moments(widths=(60,) * 12, rows=900)
    for _ in ahead(held.pairs, lambda pair: held.pair(*pair), 60, read):
        break
    assert torch.get_num_threads() == 2 and not capsys.readouterr().err


def test_one_thread_computes_nothing_in_advance():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        held = moments()
        for _, m in ahead(held.pairs, lambda pair: held.pair(*pair), 7):
            assert "canonical" not in vars(m) and m.canonical
    finally:
        torch.set_num_threads(before)


def test_pairs_without_moments_are_passed_on(two_threads):
    held = moments()
    found = list(ahead(held.pairs, lambda pair: None if pair[0] == 0 else held.pair(*pair), 7))
    assert [pair for pair, _ in found] == held.pairs
    assert [m is None for _, m in found] == [pair[0] == 0 for pair in held.pairs]


def test_a_large_decomposition_has_all_threads(two_threads):
    held = moments()
    for _, m in ahead(held.pairs, lambda pair: held.pair(*pair), WIDEST + 1):
        assert torch.get_num_threads() == 2 and "canonical" not in vars(m) and m.canonical


def test_an_error_is_left_to_whoever_reads(two_threads):
    held = moments()
    broken = held.pair(0, 2)
    broken.ab.fill_(float("nan"))
    with pytest.raises(torch.linalg.LinAlgError):
        for _, m in ahead([(0, 1), (0, 2)], lambda pair: held.pair(*pair), 7):
            _ = m.canonical
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize("view", ["pooled", "spatial"])
def test_threads_change_no_bit_of_a_value(two_threads, view):
    torch.manual_seed(0)
    nets = [
        torch.nn.Sequential(torch.nn.Conv2d(3, p, 3), torch.nn.ReLU(), torch.nn.Conv2d(p, 8, 3), torch.nn.ReLU())
        for p in (8, 12)
    ]
    batches = torch.randn(64, 3, 8, 8).split(32)
    several = simbench.similarities(INDICES, *nets, batches, view=view)
    torch.set_num_threads(1)
    alone = simbench.similarities(INDICES, *nets, batches, view=view)
    assert several["value"].equals(alone["value"]) and len(alone) == 5 * 16


@pytest.mark.parametrize("memory", ["2GB", "9MB"])
def test_a_pair_alone_has_the_bits_that_it_has_among_others(two_threads, memory):
    """Whether its decompositions are kept for the next index or not; those of 200 neurons depend on threads."""
    torch.manual_seed(0)
    nets = [torch.nn.Sequential(torch.nn.Linear(90, 200), torch.nn.Tanh(), torch.nn.Linear(200, 70)) for _ in range(2)]
    batches = torch.randn(1500, 90).split(500)
    among = simbench.similarities(INDICES, *nets, batches, ["0", "1", "2"]).set_index(["index", "layer_a", "layer_b"])
    alone = simbench.similarities(INDICES, *nets, batches, ["1"], memory=memory).set_index(among.index.names)
    assert alone["value"].equals(among.loc[alone.index, "value"]) and len(alone) == 5


@pytest.mark.parametrize("memory, count", [("2GB", 5), ("6MB", 9)])
def test_a_pair_alone_is_decomposed_once_for_all_indices_where_memory_has_room(monkeypatch, memory, count):
    """Both sides whitened and in principal directions, and their canonical variates; else again for every index."""
    calls, eigh = [], torch.linalg.eigh
    monkeypatch.setattr(torch.linalg, "eigh", lambda *given: calls.append(1) or eigh(*given))
    nets = [torch.nn.Sequential(torch.nn.Linear(9, width), torch.nn.Tanh()) for width in (200, 160)]
    found = simbench.similarities(INDICES, *nets, torch.randn(800, 9).split(100), ["1"], memory=memory)
    assert len(found) == 5 and len(calls) == count
