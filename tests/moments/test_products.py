"""Products of many narrow pairs: shared between threads, and the same bits for any number of them."""

import numpy as np
import pytest
import torch

from simbench.moments.comoments import ROWS, Comoments
from simbench.moments.products import WIDE, Products, narrow
from simbench.moments.threads import one_thread


def blocks(*widths, rows=ROWS, seed=0):
    rng = np.random.default_rng(seed)
    return [torch.from_numpy(rng.normal(size=(rows, width))) for width in widths]


def added(rows, pairs, threads):
    sums = {(i, j): torch.ones(rows[i].shape[1], rows[j].shape[1], dtype=torch.float64) for i, j in pairs}
    Products(sums).add(rows, threads)
    return sums


@pytest.mark.parametrize("width", [1, 2, 17, 64, WIDE - 1])
def test_a_product_is_added_to_its_sum(width):
    rows = blocks(width, 5, width)
    for (i, j), total in added(rows, [(0, 0), (0, 1), (1, 0), (2, 0)], 1).items():
        assert torch.allclose(total, 1 + rows[i].mT @ rows[j], rtol=1e-12, atol=1e-10)


@pytest.mark.parametrize("threads", [2, 3, 64])
def test_the_number_of_threads_changes_no_bit(threads):
    rows = blocks(*[64] * 6)
    pairs = [(i, j) for i in range(6) for j in range(i, 6)]
    alone = added(rows, pairs, 1)
    shared = added(rows, pairs, threads)
    assert all(torch.equal(shared[pair], alone[pair]) for pair in pairs)


@pytest.mark.parametrize("width", [16, 64])
def test_comoments_are_the_same_bits_with_any_number_of_threads(width):
    rows, before = blocks(*[width] * 24, rows=ROWS + 100), torch.get_num_threads()
    pairs = [(i, j) for i in range(24) for j in (i, (i + 1) % 24, (i + 5) % 24)]
    found = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            sums = Comoments([width] * 24, pairs, torch.device("cpu"))
            sums.add(rows)
            sums.close()
            assert torch.get_num_threads() == threads
            found.append([sums.matrix(i, j) for i, j in pairs])
    finally:
        torch.set_num_threads(before)
    assert all(map(torch.equal, *found))


def test_threads_add_to_what_was_made_in_inference_mode():
    with torch.inference_mode():
        rows = blocks(*[64] * 6)
        made = [part + 0 for part in rows]
        pairs = [(i, j) for i in range(6) for j in range(i, 6)]
        shared = added(made, pairs, 2)
    assert torch.allclose(shared[0, 5], 1 + rows[0].mT @ rows[5], rtol=1e-12, atol=1e-10)


def test_wide_representations_are_left_to_torch():
    assert narrow(torch.zeros(WIDE - 1, 3)) and not narrow(torch.zeros(3, WIDE))
    assert not narrow(torch.zeros(3, 3, device="meta"))


def test_one_thread_ends_with_its_context():
    before = torch.get_num_threads()
    with pytest.raises(KeyError), one_thread() as threads:
        assert threads == before and torch.get_num_threads() == 1
        raise KeyError
    assert torch.get_num_threads() == before
