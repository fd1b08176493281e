"""Differences of one number per side against loops, closed forms, and where there is no number."""

import numpy as np
import oracle_summaries as oracle
import pytest
from paired_rows import correlated, rotation
from simbench_plugins.indices.dimensions import EffectiveRank, Spectrum, TwoNN
from simbench_plugins.indices.summaries import Concentricity, Magnitude, Uniformity
from zoo_rows import ROWS

from simbench import InputError, similarity

CONFIGURED = [
    Magnitude(),
    Concentricity(),
    Uniformity(),
    Uniformity(0.5, normalised=False),
    Uniformity(pairs="all"),
    EffectiveRank(),
    EffectiveRank("eigenvalues", centred=True),
    TwoNN(),
    TwoNN("mle"),
    TwoNN(discard=0.3),
    Spectrum(),
    Spectrum("total_variation"),
]
ids = {"ids": lambda index: index.spec}


def expected(index, a, b):
    reference = getattr(oracle, index.name)
    if index.name == "spectrum":
        return reference(a, b, **index.params)
    return abs(reference(a, **index.params) - reference(b, **index.params))


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("index", CONFIGURED, **ids)
def test_value_is_that_of_loops(index, name):
    a, b = (x[:60] for x in ROWS[name]())
    wanted = expected(index, a, b)
    # A difference has the rounding errors of the larger number.
    assert similarity(index, a, b) == pytest.approx(wanted, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("index", CONFIGURED, **ids)
def test_known_answers(index):
    answers = index.known_answers()
    assert answers or index.params.get("discard") == 0.3
    for known in answers:
        assert similarity(index, known.a, known.b) == pytest.approx(known.value, abs=1e-12), known.why


@pytest.mark.parametrize("estimator", ["fit", "mle"])
@pytest.mark.parametrize("d", [1, 2, 5])
def test_twonn_recovers_the_dimension_of_uniform_rows(estimator, d):
    rng = np.random.default_rng(d)
    flat = rng.uniform(size=(1000, d)) @ rng.normal(size=(d, 12))
    line = rng.uniform(size=(1000, 1)) @ rng.normal(size=(1, 3))
    # The error of the maximum likelihood estimate is d / sqrt(1000); at borders distances are longer.
    assert similarity(TwoNN(estimator), flat, line) == pytest.approx(d - 1, abs=0.12 * (d + 1))


def test_twonn_counts_repeated_rows_once():
    a, b = correlated(40, 3, 5, seed=1)
    again = np.concatenate([a, a[:25], a[:7]])
    value = similarity("twonn", again, np.concatenate([b, b[:25], b[:7]]))
    assert value == pytest.approx(similarity("twonn", a, b), abs=1e-10)
    turned = 7 * again @ rotation(3, 2) + 100
    assert similarity("twonn", again, turned) == pytest.approx(0, abs=1e-8)


def test_twonn_has_no_number_where_all_rows_are_equally_far_or_the_same():
    b = correlated(12, 3, 4, seed=2)[0]
    with pytest.raises(InputError, match="a has rows whose two nearest others are equally far, to rounding"):
        similarity("twonn", np.eye(12) @ rotation(12, 3), b)
    with pytest.raises(InputError, match="a has 2 different rows; at least 3 are needed"):
        similarity("twonn", np.repeat([[0.0, 1], [2, 5]], 6, 0), b)


def test_concentricity_has_no_number_where_the_mean_is_zero():
    a, b = correlated(32, 3, 4, seed=3)
    for x in (a - a.mean(0), np.concatenate([a, -a])[::2] - np.concatenate([a, -a])[::2].mean(0)):
        with pytest.raises(InputError, match="a has rows whose mean is zero, to rounding"):
            similarity("concentricity", x, b)


def test_uniformity_of_far_rows_does_not_underflow():
    # exp(-2 * 1e6) is 0 in float64; the nearest two of the corners of a square of side 1000 decide.
    a, b = (side * np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]) for side in (1000.0, 1.0))
    one, other = -2e6 + np.log(8 / 12), np.log((8 * np.exp(-2) + 4 * np.exp(-4)) / 12)
    assert similarity("uniformity[normalised=false]", a, b) == pytest.approx(abs(one - other), rel=1e-12)


def test_effective_rank_of_equal_directions_is_their_number():
    a, b = np.eye(12)[:, :7] @ rotation(7, 4), np.eye(12)[:, :3]
    assert similarity("effective_rank", a, b) == pytest.approx(4, abs=1e-12)


def test_spectrum_is_the_smallest_distance_of_covariances_over_rotations():
    a, b = correlated(60, 3, 3, seed=5)
    one, other = (np.cov(x.T) / np.trace(np.cov(x.T)) for x in (a, b))
    distances = [np.linalg.norm(one - q @ other @ q.T) for q in (rotation(3, seed) for seed in range(300))]
    value = similarity("spectrum", a, b)
    assert value <= min(distances) <= value + 0.1


@pytest.mark.parametrize("index", CONFIGURED, **ids)
def test_the_order_of_the_rows_does_not_matter(index):
    a, b = correlated(50, 4, 6, seed=6)
    order = np.random.default_rng(7).permutation(50)
    assert similarity(index, a, b[order]) == pytest.approx(similarity(index, a, b), abs=1e-10)
