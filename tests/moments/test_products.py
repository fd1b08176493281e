"""Products of many pairs: shared between threads, and the same bits for any number of them."""

import numpy as np
import pytest
import torch

from simbench.moments.comoments import ROWS, Comoments, held
from simbench.moments.products import PANEL, WIDE, Products
from simbench.moments.threads import one_thread, sharing


def blocks(*widths, rows=ROWS, seed=0):
    rng = np.random.default_rng(seed)
    return [torch.from_numpy(rng.normal(size=(rows, width))) for width in widths]


def added(rows, pairs, threads):
    sums = {(i, j): torch.ones(rows[i].shape[1], rows[j].shape[1], dtype=torch.float64) for i, j in pairs}
    with sharing(threads) as share:
        Products(sums).add([x.split(ROWS) for x in rows], share)
    return sums


@pytest.mark.parametrize("width", [1, 2, 17, 64, WIDE - 1, WIDE, PANEL + 7])
def test_a_product_is_added_to_its_sum(width):
    rows = blocks(width, 5, width, rows=2 * ROWS + 30)
    for (i, j), total in added(rows, [(0, 0), (0, 1), (1, 0), (2, 0)], 1).items():
        difference = total - 1 - rows[i].mT @ rows[j]
        assert torch.allclose((difference.triu() if i == j else difference), torch.zeros(()).double(), atol=1e-9)


@pytest.mark.parametrize("width", [64, 150, 300])
@pytest.mark.parametrize("threads", [2, 3, 64])
def test_the_number_of_threads_changes_no_bit(threads, width):
    rows = blocks(*[width] * 6)
    pairs = [(i, j) for i in range(6) for j in range(i, 6)]
    alone = added(rows, pairs, 1)
    shared = added(rows, pairs, threads)
    assert all(torch.equal(shared[pair], alone[pair]) for pair in pairs)


@pytest.mark.parametrize("width, count", [(16, 24), (64, 24), (300, 3)])
def test_comoments_are_the_same_bits_with_any_number_of_threads(width, count):
    rows, before = blocks(*[width] * count, rows=ROWS + 100), torch.get_num_threads()
    pairs = [(i, j) for i in range(count) for j in (i, (i + 1) % count, (i + 5) % count)]
    found = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            sums = Comoments([width] * count, pairs, torch.device("cpu"))
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


@pytest.mark.parametrize("widths", [(3, 20), (70, 200)])
def test_how_many_blocks_are_held_changes_no_bit(widths):
    """In one batch, of which several blocks are held at a time, and in batches of one block and of parts of one."""
    rows, found = blocks(*widths, rows=9 * ROWS + 100), []
    assert held(widths, len(rows[0])) == 2 * ROWS and held(widths, ROWS) == ROWS
    for size in (len(rows[0]), ROWS, 700):
        sums = Comoments(widths, [(0, 0), (0, 1), (1, 1)], torch.device("cpu"))
        for parts in zip(*(x.split(size) for x in rows), strict=True):
            sums.add(parts)
        sums.close()
        found.append([*(sums.matrix(i, j) for i, j in ((0, 0), (0, 1), (1, 1))), sums.mean(0), sums.mean(1)])
    assert all(torch.equal(x, y) for other in found[1:] for x, y in zip(found[0], other, strict=True))


def test_few_rows_need_no_second_thread():
    sums = Products({(0, 1): torch.zeros(64, 64, dtype=torch.float64)})
    assert sums.threads(100, 8) == 1 and sums.threads(2**14, 8) == 8
    assert Products({(0, 1): torch.zeros(64, 64, device="meta")}).threads(2**14, 8) == 1


def test_an_error_of_a_piece_of_work_is_raised_once_all_threads_have_ended():
    done = []

    def work(number):
        if number == 3:
            raise KeyError(number)
        done.append(number)

    with sharing(2) as share:
        share(work, [(number,) for number in range(3)])
        with pytest.raises(KeyError):
            share(work, [(3,), (4,)])
    assert sorted(set(done) - {4}) == [0, 1, 2]


def test_one_thread_ends_with_its_context():
    before = torch.get_num_threads()
    with pytest.raises(KeyError), one_thread() as threads:
        assert threads == before and torch.get_num_threads() == 1
        raise KeyError
    assert torch.get_num_threads() == before
