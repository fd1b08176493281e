"""simbench.null: values by chance, against plain formulas on permuted inputs and in closed form."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import pytest
import torch

import simbench
from simbench.measuring import permuted


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.tensor(np.random.default_rng(seed).standard_normal(shape))


def cka(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a - a.mean(0), b - b.mean(0)
    return (a.T @ b).__pow__(2).sum() / np.linalg.norm(a.T @ a) / np.linalg.norm(b.T @ b)


def r2(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a - a.mean(0), b - b.mean(0)
    return 1 - ((b - a @ np.linalg.lstsq(a, b, rcond=None)[0]) ** 2).sum() / (b**2).sum()


def cca(a: np.ndarray, b: np.ndarray) -> float:
    left, right = (np.linalg.qr(x - x.mean(0))[0] for x in (a, b))
    return np.linalg.svd(left.T @ right, compute_uv=False).mean()


ORACLES = {"cka": cka, "r2_lr": r2, "cca": cca}


@pytest.mark.parametrize("spec", ORACLES)
@pytest.mark.parametrize("widths", [(3, 5), (6, 2)])
def test_draws_are_the_values_of_permuted_rows(spec, widths):
    a, b = (noise(30, p, seed=p) for p in widths)
    found = simbench.null(spec, a, b, permutations=20, seed=3)
    orders = permuted.orders(30, 20, 3).numpy()
    assert found.value == pytest.approx(ORACLES[spec](a.numpy(), b.numpy()), abs=1e-12)
    wanted = [ORACLES[spec](a.numpy(), b.numpy()[order]) for order in orders]
    assert found.draws == pytest.approx(wanted, abs=1e-12) and np.std(wanted) > 0.01


@pytest.mark.parametrize("spec", ["cka", "cka[estimator=debiased]", "cka[kernel=rbf]"])
def test_of_wide_rows_and_of_indices_of_samples_draws_are_the_values_of_permuted_rows(spec):
    a, b = noise(12, 40), noise(12, 30, seed=1)
    found = simbench.null(spec, a, b, permutations=5)
    wanted = [simbench.similarity(spec, a, b[order]) for order in permuted.orders(12, 5, 0)]
    assert found.draws == pytest.approx(wanted, abs=1e-9)


def test_an_index_of_states_prepares_one_side_once():
    @dataclass(frozen=True)
    class Products(simbench.Index):
        name, source = "products", "made by the tests"

        def prepare(self, rows):
            prepared.append(len(rows))
            gram = (rows - rows.mean(0)) @ (rows - rows.mean(0)).mT
            return gram / gram.norm()

        def compare(self, a, b):
            return (a * b).sum()

    prepared = []
    a, b = noise(20, 3), noise(20, 4, seed=1)
    found = simbench.null(Products(), a, b, permutations=6)
    assert found.draws == pytest.approx(simbench.null("cka", a, b, permutations=6).draws, abs=1e-12)
    assert len(prepared) == 2 + 1 + 6  # of the value, and of the draws


def test_r2_lr_of_all_orders_is_on_average_the_share_of_the_directions_of_a():
    """Over all n! orders b b^T averages to ||b||^2 / (n - 1) times the centring matrix, of which a keeps p directions
    of n - 1."""
    a, b = noise(5, 2).numpy(), noise(5, 3, seed=1).numpy()
    every = [r2(a, b[list(order)]) for order in itertools.permutations(range(5))]
    assert np.mean(every) == pytest.approx(2 / 4, abs=1e-12)
    found = simbench.null("r2_lr", noise(40, 8), noise(40, 5, seed=1), permutations=100)
    assert abs(found.mean - 8 / 39) < 5 * found.deviation / 10 < 0.04


def test_the_numerator_of_cka_is_on_average_the_product_of_the_traces():
    """E ||A^T P B||^2 = tr(A^T A) tr(B^T B) / (n - 1) for centred A and B."""
    a, b = noise(50, 4) * torch.tensor([1.0, 2, 3, 4]), noise(50, 6, seed=1)
    m = simbench.Moments.of(a, b)
    chance = m.aa.trace() * m.bb.trace() / 49 / (m.aa.norm() * m.bb.norm())
    found = simbench.null("cka", a, b, permutations=100)
    assert abs(found.mean - chance) < 5 * found.deviation / 10 < 0.02


def test_a_large_cka_of_few_rows_of_independent_numbers_is_nothing():
    """0.6 and more on 40 rows, of which at most a tenth of what is left above chance; p-values are those of chance."""
    found = [
        simbench.null("cka", noise(40, 512, seed=seed), noise(40, 60, seed=seed + 9), permutations=19)
        for seed in range(9)
    ]
    assert all(each.value > 0.6 and abs(each.calibrated) < 0.1 for each in found)
    assert 0.2 < np.median([each.p_value for each in found]) < 0.8


def test_a_linear_relation_has_the_smallest_p():
    a = noise(40, 6)
    for spec in ("cka", "r2_lr", "cca", "svcca", "pwcca"):
        found = simbench.null(spec, a, a @ noise(6, 6, seed=1), permutations=49)
        assert found.p_value == 1 / 50
        assert found.calibrated == pytest.approx(1) or spec == "cka"


def test_whole_inputs_change_places_with_their_pixels():
    """Pixels that all hold the same numbers say no more than one of them."""
    a, b = noise(20, 3), noise(20, 4, seed=1)
    spread = [x[:, :, None, None].expand(-1, -1, 2, 5) for x in (a, b)]
    one, many = simbench.null("cka", a, b, permutations=30), simbench.null("cka", *spread, permutations=30)
    assert many.draws == pytest.approx(one.draws, abs=1e-12) and many.p_value == one.p_value


@pytest.mark.parametrize("view", ["spatial", "flat", "pooled"])
def test_draws_are_the_values_of_permuted_inputs_in_every_view(view):
    a, b = noise(15, 2, 3, 2), noise(15, 3, 3, 2, seed=1)
    found = simbench.null("cka", a, b, view, permutations=4)
    wanted = [simbench.similarity("cka", a, b[order], view) for order in permuted.orders(15, 4, 0)]
    assert found.draws == pytest.approx(wanted, abs=1e-12)


def test_tokens_stay_with_their_input():
    a, b = noise(15, 4, 3), noise(15, 4, 2, seed=1)
    found = simbench.null("cka", a, b, permutations=4, layout="ntc")
    wanted = [simbench.similarity("cka", a, b[order], layout="ntc") for order in permuted.orders(15, 4, 0)]
    assert found.draws == pytest.approx(wanted, abs=1e-12)


def test_the_orders_depend_on_the_seed():
    a, b = noise(20, 3), noise(20, 4, seed=1)
    first, again, other = (simbench.null("cka", a, b, permutations=3, seed=seed).draws for seed in (0, 0, 1))
    assert first == again != other


def test_masked_rows_are_left_out_where_a_row_is_an_input():
    a, b = noise(20, 3).numpy(), noise(20, 4, seed=1).numpy()
    hidden = np.ma.masked_array(a, mask=np.zeros_like(a, dtype=bool))
    hidden.mask[4, 1] = True
    left = [np.delete(x, 4, 0) for x in (a, b)]
    assert simbench.null("cka", hidden, b, permutations=5).draws == pytest.approx(
        simbench.null("cka", *left, permutations=5).draws, abs=1e-12
    )


def test_masked_pixels_are_refused_where_pixels_are_rows():
    a = np.ma.masked_array(noise(8, 2, 3, 3).numpy(), mask=False)
    a[0, 0, 0, 0] = np.ma.masked
    with pytest.raises(simbench.InputError, match=r"^1 rows hold masked values.*views 'pooled' or 'flat'"):
        simbench.null("cka", a, noise(8, 2, 3, 3))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"permutations": 0}, "permutations is 0; a whole number from 1 is allowed"),
        ({"permutations": 2.5}, "permutations is 2.5; a whole number from 1 is allowed"),
        ({"index": "ckaa"}, "did you mean 'cka'"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(simbench.InputError, match=message):
        simbench.null(**{"index": "cka", "a": noise(9, 2), "b": noise(9, 2, seed=1)} | options)


def test_few_inputs_of_many_pixels_are_refused():
    with pytest.raises(simbench.InputError, match="there are 3 inputs to permute; at least 4 are needed"):
        simbench.null("cka", noise(3, 2, 5, 5), noise(3, 2, 5, 5, seed=1))


def test_a_value_that_any_rows_give_has_the_largest_p_and_no_calibration():
    with pytest.warns(simbench.DegenerateWarning, match="any b is explained") as caught:
        found = simbench.null("r2_lr", noise(10, 20), noise(10, 3, seed=1), permutations=9)
    assert found.p_value == 1 and np.isnan(found.calibrated) and caught[0].filename == __file__
