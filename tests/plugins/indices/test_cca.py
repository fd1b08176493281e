"""CCA, SVCCA and PWCCA against QR and SVD of the rows, and closed forms."""

import contextlib

import numpy as np
import oracle
import pytest
import scipy.linalg
import torch
from paired_rows import PAIRS, conditioned, correlated, rotation
from simbench_plugins.indices.cca import CCA, PWCCA, SVCCA

from simbench import DegenerateWarning, InputError, Moments, similarity

ORACLES = {
    CCA(): oracle.cca,
    CCA("rho2"): lambda a, b: oracle.cca(a, b, "rho2"),
    SVCCA(): oracle.svcca,
    SVCCA(0.9): lambda a, b: oracle.svcca(a, b, 0.9),
    SVCCA(1.0): lambda a, b: oracle.svcca(a, b, 1),
    PWCCA(): oracle.pwcca,
}
ids = {"ids": lambda index: index.spec}
SIGNS = scipy.linalg.hadamard(32).astype(float)[:, 1:]  # orthogonal, mean 0, squares sum to 32


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("index", ORACLES, **ids)
def test_index_agrees_with_qr_and_svd_of_the_rows(index, name):
    make, tolerance = PAIRS[name]
    a, b = make()
    for x, y in ((a, b), (b, a)):
        few = name == "fewer rows than features"
        with pytest.warns(DegenerateWarning, match="on 11 rows") if few else contextlib.nullcontext():
            value = similarity(index, x, y)
        assert value == pytest.approx(ORACLES[index](x, y), abs=tolerance)


@pytest.mark.parametrize("index", ORACLES, **ids)
def test_cca_family_known_answers(index):
    for known in index.known_answers():
        assert similarity(index, known.a, known.b) == pytest.approx(known.value, abs=1e-9), known.why


@pytest.mark.parametrize("index", [CCA(), CCA("rho2"), SVCCA(), PWCCA()], **ids)
def test_every_default_states_a_known_answer(index):
    assert index.known_answers()


def planted(rho, p, q):
    """a (32, p) and b (32, q) with canonical correlations rho, each side mixed by an invertible matrix."""
    k = len(rho)
    a = SIGNS[:, :p]
    b = np.concatenate([SIGNS[:, :k] * rho + SIGNS[:, p : p + k] * np.sqrt(1 - rho**2), SIGNS[:, p + k : p + q]], 1)
    rng = np.random.default_rng(0)
    return a @ rng.normal(size=(p, p)), b @ rng.normal(size=(q, q))


@pytest.mark.parametrize("p, q", [(4, 7), (7, 4)])
def test_cca_is_the_mean_of_planted_correlations(p, q):
    rho = np.array([0.95, 0.8, 0.5, 0.1])
    a, b = planted(rho, p, q)
    assert similarity("cca", a, b) == pytest.approx(rho.mean(), abs=1e-10)
    assert similarity("cca[mean=rho2]", a, b) == pytest.approx((rho**2).mean(), abs=1e-10)


@pytest.mark.parametrize("ridge", [0.0, 0.1])
def test_mean_squared_correlation_takes_no_decomposition_of_a_pair(ridge, monkeypatch):
    a, b = (torch.from_numpy(x) for x in planted(np.array([0.95, 0.8, 0.5, 0.1]), 4, 7))
    m, expected = Moments.of(a, b), float(CCA("rho2", ridge).from_moments(Moments.of(a, b)))
    assert m.a.whitened.rank == m.a.principal.rank == 4 and m.b.whitened.rank == m.b.principal.rank == 7
    for name in ("eigh", "eigvalsh", "svd", "svdvals"):  # those of the sides are in the moments by now
        monkeypatch.setattr(torch.linalg, name, lambda *given, **more: pytest.fail("a decomposition"))
    assert float(CCA("rho2", ridge).from_moments(m)) == expected


def test_dead_and_duplicate_features_do_not_dilute_the_mean_correlation():
    rho = np.array([0.9, 0.4])
    a, b = planted(rho, 2, 3)
    spoilt = np.concatenate([a, np.full((32, 2), 7.3), a[:, :1], a[:, :1] - a[:, 1:]], 1)
    assert similarity("cca", spoilt, b) == pytest.approx(rho.mean(), abs=1e-10)
    assert similarity("cca", b, spoilt) == pytest.approx(rho.mean(), abs=1e-10)


def test_cca_of_one_feature_a_side_is_the_absolute_pearson_correlation():
    a, b = correlated(25, 1, 1, seed=1)
    expected = abs(np.corrcoef(a[:, 0], b[:, 0])[0, 1])
    assert similarity("cca", a, -b) == pytest.approx(expected, abs=1e-12)


def test_cca_survives_condition_number_1e6_because_it_does_not_depend_on_it():
    a, b = correlated(60, 6, 9, seed=2)
    ill = similarity("cca", conditioned(a, 1e6, 1), conditioned(b, 1e6, 2))
    assert ill == pytest.approx(similarity("cca", a, b), abs=1e-8)


def test_svcca_keeps_all_directions_when_only_the_top_one_differs():
    # Variances 2, 1.9, ..., 1.1 on each side: 0.99 of the sum 15.5 needs all 10; 9 are shared. A truncation
    # that divides by the variance twice keeps the top one only, and gives 0.
    scale = np.sqrt(np.linspace(2, 1.1, 10))
    a, b = SIGNS[:, :10] * scale, SIGNS[:, [10, *range(1, 10)]] * scale
    assert similarity("svcca", a @ rotation(10, 3), b @ rotation(10, 4)) == pytest.approx(9 / 10, abs=1e-10)


@pytest.mark.parametrize("variance, kept", [(0.5, 1), (0.6, 1), (0.61, 2), (0.9, 2), (0.91, 3), (1.0, 3)])
def test_svcca_keeps_the_fewest_components_that_reach_the_share(variance, kept):
    # Variances 6, 3, 1: shares 0.6, 0.9, 1. b correlates 0.8, 0.5, 0.2 with the three, its own variances likewise.
    rho, scale = np.array([0.8, 0.5, 0.2]), np.sqrt([6.0, 3, 1])
    a, b = SIGNS[:, :3], SIGNS[:, :3] * rho + SIGNS[:, 3:6] * np.sqrt(1 - rho**2)
    value = similarity(SVCCA(variance), a * scale @ rotation(3, 5), b * scale @ rotation(3, 6))
    assert value == pytest.approx(rho[:kept].mean(), abs=1e-10)


def test_svcca_of_the_whole_variance_is_cca():
    a, b = correlated(50, 6, 8, seed=3)
    assert similarity("svcca[variance=1]", a, b) == pytest.approx(similarity("cca", a, b), abs=1e-12)
    # Shares of the variance down to 1e-16 are part of the whole.
    a, b = conditioned(a, 1e8, 1), conditioned(b, 1e8, 2)
    assert similarity("svcca[variance=1]", a, b) == pytest.approx(similarity("cca", a, b), abs=1e-6)


@pytest.mark.parametrize("variance", [0, -0.5, 1.01, float("nan")])
def test_svcca_rejects_a_share_outside_its_interval(variance):
    with pytest.raises(InputError, match=f"variance is {variance}; a share above 0 and up to 1"):
        SVCCA(variance)


def test_pwcca_with_more_neurons_than_directions_of_b_weighs_the_matched_variates_only():
    # Correlations 1 (neuron of weight 1) and 0.6 (weight 3); the third neuron, of weight 5, has no partner.
    x, y, w, z = SIGNS[:, :4].T
    a, b = np.stack([x, 3 * y, 5 * w], 1), np.stack([x, 0.6 * y + 0.8 * z], 1)
    assert similarity("pwcca", a, b) == pytest.approx((1 + 3 * 0.6) / 4, abs=1e-12)


def test_pwcca_with_fewer_neurons_than_directions_of_b_weighs_all_its_variates():
    x, y, w, z, v = SIGNS[:, :5].T
    a, b = np.stack([x, 3 * y], 1), np.stack([v, 2 * x, w, 0.6 * y + 0.8 * z], 1)
    assert similarity("pwcca", a, b) == pytest.approx((1 + 3 * 0.6) / 4, abs=1e-12)


def test_pwcca_weights_are_those_of_a():
    x, y, z = SIGNS[:, :3].T
    a, b = np.stack([x, 3 * y], 1), np.stack([x, 0.6 * y + 0.8 * z], 1)
    assert similarity("pwcca", b, a) == pytest.approx((1 + 0.6) / 2, abs=1e-12)


def test_pwcca_weights_ignore_the_offset_of_a():
    a, b = correlated(40, 5, 4, seed=4)
    assert similarity("pwcca", a + 100, b - 3) == pytest.approx(similarity("pwcca", a, b), abs=1e-10)


@pytest.mark.parametrize("index", [CCA(), CCA("rho2"), PWCCA()], **ids)
def test_values_on_unscaled_b_equal_those_on_features_over_twelve_orders(index):
    a, b = correlated(50, 5, 7, seed=5)
    assert similarity(index, a, b * np.logspace(-6, 6, 7)) == pytest.approx(similarity(index, a, b), abs=1e-10)


def test_cca_warns_when_the_directions_outnumber_the_degrees_of_freedom():
    a, b = correlated(10, 5, 4, seed=6)
    similarity("cca", a, b)  # 5 + 4 on 9 degrees of freedom: fine
    more = np.concatenate([b, np.arange(10)[:, None] ** 2], 1)
    with pytest.warns(DegenerateWarning, match=r"cca: 5 \+ 5 directions on 10 rows: some correlations are 1"):
        similarity("cca", a, more)
