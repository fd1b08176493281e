"""Masked values are left out: of rows, of maps, by every kind of mask."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_arrays import MAPS_A, MAPS_B, VALUE, A, B, quietly, refused

from simbench import similarity

# -- masks -------------------------------------------------------------------------------------------------------


@settings(max_examples=10, deadline=None)
@given(
    st.sets(st.tuples(st.integers(0, 39), st.integers(0, 4)), max_size=20),
    st.sets(st.tuples(st.integers(0, 39), st.integers(0, 6)), max_size=20),
    st.sampled_from([-9999.0, np.nan, np.inf]),
)
def test_rows_with_a_masked_value_on_either_side_are_left_out_of_both(of_a, of_b, sentinel):
    sides, gone = [], np.zeros(40, dtype=bool)
    for x, places in ((A, of_a), (B, of_b)):
        x, mask = x.copy(), np.zeros(x.shape, dtype=bool)
        for place in places:
            x[place], mask[place] = sentinel, True
        gone |= mask.any(1)
        sides.append(np.ma.masked_array(x, mask))
    assert similarity("cka", *sides) == pytest.approx(similarity("cka", A[~gone], B[~gone]), abs=1e-12)


@pytest.mark.parametrize("view", ["spatial", "flat", "pooled"])
def test_a_masked_value_takes_its_row_of_the_view(view):
    """One pixel of input 2 and all channels of one of input 7: two pixels, or two inputs."""
    mask_a, mask_b = np.zeros(MAPS_A.shape, dtype=bool), np.zeros(MAPS_B.shape, dtype=bool)
    mask_a[2, 1, 0, 1] = mask_b[7, :, 2, 0] = True
    x, y = np.where(mask_a, 1e6, MAPS_A), np.where(mask_b, np.nan, MAPS_B)
    if view == "spatial":
        a, b = (np.moveaxis(z, 1, 3).reshape(-1, z.shape[1]) for z in (MAPS_A, MAPS_B))
        gone = [2 * 6 + 1, 7 * 6 + 4]
    else:
        a, b = (z.reshape(12, -1) if view == "flat" else z.mean((2, 3)) for z in (MAPS_A, MAPS_B))
        gone = [2, 7]
    found = similarity("cka", np.ma.masked_array(x, mask_a), np.ma.masked_array(y, mask_b), view=view)
    assert found == pytest.approx(similarity("cka", np.delete(a, gone, 0), np.delete(b, gone, 0)), abs=1e-12)


def masked_tensor(x, mask):
    return quietly(lambda: torch.masked.masked_tensor(torch.tensor(np.where(mask, np.nan, x)), torch.tensor(~mask)))


MASK = np.zeros(A.shape, dtype=bool)
MASK[[3, 17], [1, 4]] = True


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: np.ma.masked_array(np.where(MASK, None, A), MASK), id="objects"),
        pytest.param(lambda: np.ma.masked_array(np.where(MASK, 99, 8 * A).astype("i4"), MASK), id="integers"),
        pytest.param(
            lambda: [np.ma.masked_array(np.where(m, np.inf, x), m) for x, m in zip(A, MASK, strict=True)],
            id="list of rows",
        ),
        pytest.param(
            lambda: [
                [np.ma.masked if m else x for x, m in zip(*row, strict=True)] for row in zip(A, MASK, strict=True)
            ],
            id="lists",
        ),
        pytest.param(lambda: masked_tensor(A, MASK), id="torch"),
    ],
)
def test_every_kind_of_mask_is_heeded(make):
    gone = MASK.any(1)
    assert similarity("cka", make(), B) == pytest.approx(similarity("cka", A[~gone], B[~gone]), abs=1e-12)


def test_a_mask_that_masks_nothing_changes_nothing():
    assert similarity("cka", np.ma.masked_array(A), np.ma.masked_array(B, np.zeros(B.shape, dtype=bool))) == VALUE


def test_too_few_unmasked_rows_are_refused_with_both_counts():
    mask = np.zeros(A.shape, dtype=bool)
    mask[:37, 0] = True
    assert (
        "a and b have 3 rows in which nothing is masked, and 37 in which something is; at least 4 are needed"
        in refused(np.ma.masked_array(A, mask), B)
    )
    assert "0 rows in which nothing is masked" in refused(A, np.ma.masked_all(B.shape))
