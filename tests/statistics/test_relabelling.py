"""Weighted correlations are those of repeated pairs, and networks are what is left out and relabelled."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from small_grids import all_pairs, grid

from simbench.statistics.cells import Cells, Replicates
from simbench.statistics.estimates import estimated
from simbench.statistics.p_values import p_value
from simbench.statistics.relabelling import exact, generator, relabelled, without_network, without_pair
from simbench.statistics.replicates import Plan
from simbench.statistics.weighted import correlations, midranks


def complete(networks: int, layers: int = 1) -> Cells:
    """Every ordered pair of different networks at every layer."""
    pairs = np.array(list(itertools.permutations(range(networks), 2)))
    a, b = np.repeat(pairs, layers, axis=0).T
    return Cells(a, b, np.tile(np.arange(layers), len(pairs)), True, (networks, networks))


def rectangle(front: int, end: int) -> Cells:
    """Every network of one model with every network of another."""
    a, b = np.array(list(itertools.product(range(front), range(end)))).T
    return Cells(a, b, np.zeros_like(a), False, (front, end))


def joined(draws) -> Replicates:
    draws = list(draws)
    partners = [draw.partner for draw in draws]
    return Replicates(
        np.concatenate([draw.weights for draw in draws], axis=1),
        None if partners[0] is None else np.concatenate(partners, axis=1),
    )


def test_midranks_of_tied_repeated_values_are_known():
    # 5 once, 1 twice, 5 three times, 7 never: 1 1 5 5 5 5 have ranks 1.5 1.5 4.5 4.5 4.5 4.5
    ranks = midranks(np.array([5.0, 1.0, 5.0, 7.0]), np.array([[1.0], [2.0], [3.0], [0.0]]))
    assert ranks[:3, 0].tolist() == [4.5, 1.5, 4.5]


@given(st.data())
@settings(max_examples=25, deadline=None)
def test_weighted_correlation_is_that_of_repeated_cells(data):
    cells = complete(4, layers=2)
    few = st.integers(0, 5).map(float)  # few values: many ties
    x, y = (np.array(data.draw(st.lists(few, min_size=cells.n, max_size=cells.n))) for _ in "xy")
    m = np.array(data.draw(st.lists(st.integers(0, 3), min_size=4, max_size=4)))
    weights = (m[cells.a] * m[cells.b]).astype(float)
    repeated_x, repeated_y = (np.repeat(v, weights.astype(int)) for v in (x, y))
    pairs = {(a, b) for a, b, w in zip(cells.a, cells.b, weights, strict=True) if w}
    defined = len(pairs) >= 3 and np.ptp(repeated_x) > 0 and np.ptp(repeated_y) > 0
    for ranked, scipy_correlation in ((True, stats.spearmanr), (False, stats.pearsonr)):
        value = correlations(x[None], y[None], cells, Replicates(weights[:, None]), ranked)[0, 0, 0]
        if defined:
            assert value == pytest.approx(scipy_correlation(repeated_x, repeated_y).statistic, abs=1e-12)
        else:
            assert np.isnan(value)


def test_the_design_of_pairs_is_told_from_the_cells():
    assert complete(5, layers=2).design == rectangle(4, 3).design == "all"
    ring = complete(6)
    assert ring.at(np.flatnonzero(np.isin((ring.b - ring.a) % 6, (1, 4)))).design == "balanced:2"
    assert ring.at(np.arange(1, ring.n)).design == "other" and ring.at(np.arange(0)).design == ""


def test_without_a_network_its_cells_on_either_side_are_gone():
    cells = complete(4, layers=2)
    weights = without_network(cells).weights
    assert weights.shape == (cells.n, 4)
    for network in range(4):
        assert (weights[:, network] == ((cells.a != network) & (cells.b != network))).all()


def test_of_two_models_each_front_and_each_end_is_left_out():
    cells = rectangle(4, 3)
    weights = without_network(cells).weights
    assert weights.shape == (12, 7)
    for network in range(7):
        gone = cells.a == network if network < 4 else cells.b == network - 4
        assert (weights[:, network] == ~gone).all()


def test_without_a_pair_its_cells_in_all_layers_are_gone():
    cells = complete(3, layers=2)
    pairs = np.repeat(np.arange(6), 2)
    weights = without_pair(cells, pairs, 6).weights
    assert weights.shape == (12, 6) and (weights.sum(axis=0) == 10).all()
    assert ((weights == 0) == (pairs[:, None] == np.arange(6))).all()


def test_all_relabellings_are_taken_when_they_are_few():
    assert exact(complete(6), 720) and not exact(complete(6), 719)
    draw = joined(relabelled(complete(4), 24, generator("a")))
    assert len({tuple(column) for column in draw.partner.T}) == 24
    draw = joined(relabelled(rectangle(3, 2), 12, generator("a")))
    assert len({tuple(column) for column in draw.partner.T}) == 12


def test_random_relabellings_rename_networks_in_all_layers_alike():
    cells = complete(7, layers=3)
    draw = joined(relabelled(cells, 40, generator("a")))
    assert draw.partner.shape == (cells.n, 40)
    for partner in draw.partner.T:
        assert (cells.layer[partner] == cells.layer).all()
        renamed = {(old, new) for side in (cells.a, cells.b) for old, new in zip(side, side[partner], strict=True)}
        assert len(renamed) == 7


def test_a_missing_partner_is_dropped():
    whole = complete(4)
    cells = whole.at(np.flatnonzero((whole.a != 0) | (whole.b != 1)))
    rng = np.random.default_rng(0)
    x, y = rng.random((2, cells.n))
    values = {(a, b): v for a, b, v in zip(cells.a, cells.b, x, strict=True)}
    draw = joined(relabelled(cells, 24, generator("a")))
    for ranked, scipy_correlation in ((True, stats.spearmanr), (False, stats.pearsonr)):
        found = correlations(x[None], y[None], cells, draw, ranked)[0, 0]
        for name, value in zip(itertools.permutations(range(4)), found, strict=True):
            both = [
                (values[name[a], name[b]], v)
                for a, b, v in zip(cells.a, cells.b, y, strict=True)
                if (name[a], name[b]) in values
            ]
            assert value == pytest.approx(scipy_correlation(*zip(*both, strict=True)).statistic, abs=1e-12)


def test_p_values_have_known_answers():
    replicates = np.array([0.1, 0.2, 0.3, 0.4, np.nan])
    assert p_value(0.4, replicates, exact=True) == 0.5  # 1 of 4 at least as high, twice
    assert p_value(0.1, replicates, exact=True) == 0.5
    assert p_value(0.25, replicates, exact=True) == 1
    assert p_value(0.5, replicates, exact=False) == pytest.approx(2 / 5)  # (0 + 1) / (4 + 1), twice


def simulated(networks: int, rho: float, seed: int, cells: Cells) -> tuple[np.ndarray, np.ndarray]:
    """x and y of Pearson correlation rho in the population, both with effects of either network."""
    rng = np.random.default_rng(seed)

    def pair(n):
        x, e = rng.standard_normal((2, n))
        return np.array([x, rho * x + np.sqrt(1 - rho**2) * e])

    return tuple(pair(networks)[:, cells.a] + pair(networks)[:, cells.b] + 0.5 * pair(cells.n))


@pytest.mark.long
def test_intervals_cover_the_truth_in_spite_of_shared_networks():
    cells, truth, hits = complete(8), 6 / np.pi * np.arcsin(0.6 / 2), 0
    for seed in range(60):
        x, y = simulated(8, 0.6, seed, cells)
        found = estimated(grid(all_pairs(8), [x], [y]), Plan(True, 0, ("cover", seed))).found[0, 0, "l0", "spearman"]
        hits += found.low <= truth <= found.high
    assert 0.85 * 60 <= hits <= 60


@pytest.mark.long
def test_p_values_are_uniform_without_an_association():
    cells = complete(5)
    p = []
    for seed in range(150):
        x, y = simulated(5, 0.0, seed, cells)
        found = estimated(grid(all_pairs(5), [x], [y]), Plan(False, 120, ("null", seed))).found
        p.append(found[0, 0, "l0", "spearman"].p_value)
    assert np.mean(np.array(p) <= 0.05) < 0.1  # 150 trials: 0.05 is off by 0.018 (one standard error)
    assert np.mean(p) == pytest.approx(0.5, abs=0.08)  # standard error 0.024
