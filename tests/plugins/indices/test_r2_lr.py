"""R2_LR against numpy's least squares, and closed forms."""

import numpy as np
import oracle
import pytest
from paired_rows import PAIRS, correlated, rotation
from simbench_plugins.indices.r2_lr import R2LR

from simbench import DegenerateWarning, similarity

CONFIGURED = [R2LR(), R2LR(centred=False)]
ids = {"ids": lambda index: index.spec}


@pytest.mark.parametrize("name", [name for name in PAIRS if name != "fewer rows than features"])
@pytest.mark.parametrize("index", CONFIGURED, **ids)
def test_r2_lr_is_one_minus_the_least_squares_residual(index, name):
    make, tolerance = PAIRS[name]
    a, b = make()
    for x, y in ((a, b), (b, a)):
        assert similarity(index, x, y) == pytest.approx(oracle.r2_lr(x, y, index.centred), abs=tolerance)


@pytest.mark.parametrize("index", CONFIGURED, **ids)
def test_r2_lr_is_one_for_any_b_when_a_has_as_many_directions_as_rows(index):
    a, b = PAIRS["fewer rows than features"][0]()
    rows, rank = (11, 10) if index.centred else (11, 11)
    with pytest.warns(DegenerateWarning, match=rf"a has rank {rank} on {rows} rows: any b is explained"):
        assert similarity(index, a, b) == pytest.approx(1, abs=1e-9)


def test_r2_lr_warns_from_the_first_rank_that_explains_any_b():
    a, b = correlated(9, 7, 3, seed=1)
    similarity("r2_lr", a, b)  # rank 7 of the 8 degrees of freedom: fine
    with pytest.warns(DegenerateWarning, match="rank 8 on 9 rows"):
        similarity("r2_lr", np.concatenate([a, np.arange(9)[:, None] ** 2], 1), b)


@pytest.mark.parametrize("index", CONFIGURED, **ids)
def test_r2_lr_known_answers(index):
    answers = index.known_answers()
    assert answers
    for known in answers:
        assert similarity(index, known.a, known.b) == pytest.approx(known.value, abs=1e-9), known.why


@pytest.mark.parametrize("angle", [0.1, 0.7, 1.4])
def test_r2_lr_of_unit_vectors_at_an_angle_is_the_squared_cosine(angle):
    x, y = np.array([[1.0], [1], [-1], [-1]]), np.array([[1.0], [-1], [1], [-1]])
    assert similarity("r2_lr", x, np.cos(angle) * x + np.sin(angle) * y) == pytest.approx(np.cos(angle) ** 2, abs=1e-12)


def test_r2_lr_of_offset_opposite_signs_is_one_with_an_intercept_and_zero_without():
    # (x + 1) . (x - 1) = sum x^2 - n = 0, yet x - 1 = (x + 1) - 2.
    x = np.array([[1.0], [1], [-1], [-1]])
    assert similarity("r2_lr", x + 1, x - 1) == pytest.approx(1, abs=1e-12)
    assert similarity("r2_lr[centred=false]", x + 1, x - 1) == pytest.approx(0, abs=1e-12)


def test_r2_lr_runs_from_a_to_b():
    a, _ = correlated(30, 5, 2, seed=2)
    assert similarity("r2_lr", a, a[:, :2]) == pytest.approx(1, abs=1e-12)
    assert similarity("r2_lr", a[:, :2], a) < 0.9


@pytest.mark.parametrize("index", CONFIGURED, **ids)
def test_r2_lr_ignores_invertible_maps_of_a_and_rotations_of_b(index):
    a, b = correlated(40, 6, 4, seed=3)
    a, b = a + 1, b - 2
    value = similarity(index, a, b)
    mixing = np.random.default_rng(4).normal(size=(6, 6))
    assert similarity(index, a @ mixing, 5 * b @ rotation(4, 5)) == pytest.approx(value, abs=1e-10)
    assert similarity(index, a, b * np.array([9, 1, 1, 1])) != pytest.approx(value, abs=1e-3)
    moved = similarity(index, a + 3, b + 3)
    assert (moved == pytest.approx(value, abs=1e-10)) == index.centred


@pytest.mark.parametrize("index", CONFIGURED, **ids)
def test_r2_lr_of_unscaled_features_equals_that_of_features_over_twelve_orders(index):
    a, b = correlated(40, 7, 4, seed=6)
    assert similarity(index, a * np.logspace(-6, 6, 7), b) == pytest.approx(similarity(index, a, b), abs=1e-10)
