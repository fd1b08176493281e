"""Scatter: merging, whitening, the rank cut, and dead features."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from paired_rows import conditioned, correlated, rotation

from simbench import InputError
from simbench.moments.coordinates import principal_coordinates
from simbench.moments.scatter import Scatter

MEANS = np.array([0, 1, -1e3, 1e3, 5, -0.1])


def rows(n=40, p=6, seed=0, dtype=torch.float64):
    return torch.from_numpy(correlated(n, p, 2, seed)[0] + MEANS[:p]).to(dtype)


def close(found, expected, relative=1e-10):
    return float((found - expected).norm()) <= relative * float(expected.norm())


@given(st.lists(st.integers(1, 9), min_size=1, max_size=8), st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_merging_batches_of_any_size_in_any_order_is_one_batch(sizes, seed):
    x = rows(sum(sizes), seed=seed)
    batches = list(x.split(sizes))
    np.random.default_rng(seed).shuffle(batches)
    merged = sum((Scatter.of(batch) for batch in batches[1:]), Scatter.of(batches[0]))
    whole = Scatter.of(x)
    assert merged.n == whole.n
    assert close(merged.mean, whole.mean)
    # One row has no scatter: compare with the size of the features then.
    assert float((merged.matrix - whole.matrix).norm()) <= 1e-10 * float(whole.matrix.norm() + (x**2).sum() * 1e-10)


def test_merging_does_not_depend_on_how_the_batches_are_grouped():
    first, second, third, fourth = (Scatter.of(batch) for batch in rows().split([7, 1, 20, 12]))
    assert close(((first + second) + (third + fourth)).matrix, (first + (second + (third + fourth))).matrix)


def test_scatter_is_the_sum_of_outer_products_of_centred_rows():
    x = rows(12)
    mean = x.mean(0)
    expected = sum(torch.outer(row - mean, row - mean) for row in x)
    s = Scatter.of(x)
    assert close(s.matrix, expected) and close(s.mean, mean)
    assert float(s.total) == pytest.approx(float(((x - mean) ** 2).sum()), rel=1e-12)


def test_uncentred_scatter_is_the_sum_of_outer_products_of_rows():
    x = rows(12)
    s = Scatter.of(x).uncentred()
    assert close(s.matrix, x.mT @ x)
    assert s.mean.eq(0).all() and s.uncentred() is s


def test_uncentred_scatters_merge_into_an_uncentred_scatter():
    x = rows(12)
    merged = Scatter.of(x[:5]).uncentred() + Scatter.of(x[5:]).uncentred()
    assert merged.centre == "zero" and close(merged.matrix, x.mT @ x)


@pytest.mark.parametrize(
    "other, given",
    [(Scatter.of(rows(5, 1)), "1 about the mean"), (Scatter.of(rows(5)).uncentred(), "6 about the zero")],
)
def test_scatters_of_other_widths_or_centres_do_not_merge(other, given):
    with pytest.raises(InputError, match=f"6 features about the mean does not merge with one of {given}"):
        Scatter.of(rows(5)) + other


def test_rows_of_the_wrong_rank_are_rejected():
    with pytest.raises(InputError, match=r"\(2, 3, 4\); a scatter needs \(n, p\)"):
        Scatter.of(torch.zeros(2, 3, 4))


def test_scatter_of_float32_rows_is_accumulated_in_float64():
    x = rows(dtype=torch.float32)
    assert Scatter.of(x).matrix.dtype == torch.float64
    assert close(Scatter.of(x).matrix, Scatter.of(x.double()).matrix, 1e-14)


@pytest.mark.parametrize("weight_width", [2, 6, 9])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("centre", ["mean", "zero"])
def test_scatter_through_a_map_is_the_scatter_of_mapped_rows(weight_width, bias, centre):
    x = rows()
    generator = torch.Generator().manual_seed(1)
    weight = torch.randn(6, weight_width, generator=generator, dtype=torch.float64)
    offset = torch.randn(weight_width, generator=generator, dtype=torch.float64) if bias and centre == "mean" else None
    scatter, moved = Scatter.of(x), Scatter.of(x @ weight + (0 if offset is None else offset))
    if centre == "zero":
        scatter, moved = scatter.uncentred(), moved.uncentred()
    found = scatter.through(weight, offset)
    assert close(found.matrix, moved.matrix)
    assert torch.allclose(found.mean, moved.mean, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("keep_rows", [False, True])
@pytest.mark.parametrize("basis", ["whitened", "principal"])
def test_whitening_makes_the_scatter_the_identity_and_loadings_bring_it_back(basis, keep_rows):
    s = Scatter.of(rows(), keep_rows)
    found = getattr(s, basis)
    assert found.rank == 6
    white = found.whitening.mT @ s.matrix @ found.whitening
    assert torch.allclose(white, torch.eye(6, dtype=torch.float64), atol=1e-10)
    assert close(found.loadings @ found.loadings.mT, s.matrix)
    assert torch.equal(found.values, found.values.sort(descending=True).values)
    if keep_rows:
        assert close(found.scores, s.rows @ found.whitening)
        assert close(found.scores @ found.loadings.mT, s.rows)
    else:
        assert found.scores is None


def test_principal_values_are_the_squared_singular_values_of_the_centred_rows():
    x = rows()
    sigma = np.linalg.svd((x - x.mean(0)).numpy(), compute_uv=False)
    assert np.allclose(Scatter.of(x).principal.values, sigma**2, rtol=1e-9)


def test_first_k_directions_keep_the_largest_values():
    basis = Scatter.of(rows(), keep_rows=True).principal
    first = basis.first(2)
    assert first.rank == 2 and torch.equal(first.values, basis.values[:2])
    assert first.whitening.shape == first.loadings.shape == (6, 2) and first.scores.shape == (40, 2)


@pytest.mark.parametrize("keep_rows", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rank_is_that_of_the_signal_in_the_rounding_of_the_input(dtype, keep_rows):
    x = torch.from_numpy(correlated(50, 3, 2, seed=1)[0] @ np.random.default_rng(2).normal(size=(3, 7)) + 1).to(dtype)
    s = Scatter.of(x, keep_rows)
    assert s.whitened.rank == 3 and s.principal.rank == 3


@pytest.mark.parametrize(
    "dtype, condition, keep_rows, rank",
    [
        (torch.float64, 1e6, False, 6),
        (torch.float64, 1e6, True, 6),
        (torch.float64, 1e12, True, 6),
        (torch.float32, 1e5, False, 6),
        (torch.float32, 1e5, True, 6),
    ],
)
def test_no_direction_above_the_rounding_of_the_input_is_cut(dtype, condition, keep_rows, rank):
    x = torch.from_numpy(conditioned(rows().numpy(), condition)).to(dtype)
    assert Scatter.of(x, keep_rows).whitened.rank == rank


def test_feature_scales_over_twelve_orders_leave_the_rank_and_the_whitened_rows():
    x = torch.from_numpy(correlated(40, 6, 2)[0])
    scaled = x * torch.logspace(-6, 6, 6, dtype=torch.float64)
    first, second = Scatter.of(x).whitened, Scatter.of(scaled).whitened
    assert second.rank == 6
    assert torch.allclose(
        scaled @ second.whitening @ second.whitening.mT @ scaled.mT,
        x @ first.whitening @ first.whitening.mT @ x.mT,
        atol=1e-10,
    )


@pytest.mark.parametrize("constant", [0.0, 7.3, -1e8 / 3])
def test_a_constant_feature_is_dead_however_the_batches_fall(constant):
    x = rows()
    x[:, 3] = constant
    for sizes in ([40], [1] * 40, [13, 27]):
        batches = [Scatter.of(batch) for batch in x.split(sizes)]
        s = sum(batches[1:], batches[0])
        assert s.alive.tolist() == [True, True, True, False, True, True]
        assert s.whitened.rank == 5 and s.whitened.whitening[3].eq(0).all()
        assert torch.isfinite(s.whitened.loadings).all()


@pytest.mark.parametrize("sizes", [[40], [1] * 7, [13, 27], [999, 7]])
def test_the_scatter_of_constants_of_any_size_is_exactly_zero(sizes):
    constants = torch.randn(300, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x = (constants * torch.logspace(-6, 8, 300, dtype=torch.float64)).expand(sum(sizes), -1)
    batches = [Scatter.of(batch) for batch in x.split(sizes)]
    s = sum(batches[1:], batches[0])
    assert s.matrix.eq(0).all() and s.constant


def test_a_feature_that_varies_in_its_last_bit_only_is_dead():
    x = rows()
    x[:, 3] = 1e3
    x[::2, 3] = np.nextafter(1e3, 2e3)
    assert Scatter.of(x).alive.tolist() == [True, True, True, False, True, True]


def test_all_features_constant_is_constant():
    assert Scatter.of(torch.full((9, 3), 0.1)).constant
    assert not Scatter.of(rows()).constant


def test_taking_features_is_the_scatter_of_those_columns():
    x = rows()
    taken, alone = Scatter.of(x, keep_rows=True).take(slice(2, 5)), Scatter.of(x[:, 2:5])
    assert close(taken.matrix, alone.matrix) and close(taken.mean, alone.mean)
    assert taken.rows.shape == (40, 3) and taken.forget().rows is None


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("n, p", [(7, 20), (20, 7)])
def test_principal_coordinates_keep_inner_products_and_distances_of_centred_rows(n, p, dtype):
    x = (torch.from_numpy(correlated(n, p, 2)[0]) @ torch.from_numpy(rotation(p, 1)) + 3).to(dtype)
    moved, centred = principal_coordinates(x), x.double() - x.double().mean(0)
    assert moved.shape == (n, min(n - 1, p)) and moved.dtype == torch.float64
    assert close(moved @ moved.mT, centred @ centred.mT)
    assert close(torch.cdist(moved, moved), torch.cdist(x.double(), x.double()), 1e-7)
    assert close(moved.mT @ moved, (moved.mT @ moved).diagonal().diag())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("n, p", [(15, 40), (40, 15)])
def test_principal_coordinates_have_as_many_columns_as_the_rows_have_directions(n, p, dtype):
    # Rows of rank 4 with dead features: in unit scale, a coordinate made of rounding would count as a fifth.
    x = torch.from_numpy(correlated(n, 4, 2, seed=1)[0] @ np.random.default_rng(2).normal(size=(4, p)) + 1)
    x[:, 3], x[:, 5] = 0, 1e3 / 3
    moved = principal_coordinates(x.to(dtype))
    assert moved.shape == (n, 4)
    assert Scatter.of(moved).whitened.rank == Scatter.of(x.to(dtype)).whitened.rank == 4


def test_principal_coordinates_of_float64_rows_keep_directions_down_to_their_rounding():
    x = torch.from_numpy(conditioned(correlated(30, 8, 2)[0], 1e9))
    wide = x @ torch.from_numpy(np.linalg.qr(np.random.default_rng(3).normal(size=(50, 8)))[0].T)
    moved = principal_coordinates(wide)
    assert moved.shape == (30, 8)
    assert torch.allclose(moved.norm(dim=0), torch.linalg.svdvals(x - x.mean(0)), rtol=1e-5)
