"""Facts that connect the indices of shapes, neurons and regressions, what they refuse, and mistakes the kit finds."""

import functools
import itertools
import math
import sys

import numpy as np
import oracle_shapes as slow
import pytest
import torch
from shape_rows import related, turned
from simbench_plugins.indices.soft_matching import SoftMatching
from wrong_shapes import GreedyMatching, HeavyMatching, UnevenGULP

import simbench
from simbench import InputError, Moments, similarity
from simbench.check import checks

#: Distances that satisfy the triangle inequality.
METRICS = [
    "procrustes[form=angular]",
    "procrustes[form=size_and_shape]",
    "permutation_procrustes[form=angular]",
    "permutation_procrustes[form=size_and_shape]",
    "shape[alpha=0]",
    "shape[alpha=0.5]",
    "soft_matching",
    "bures",
    "riemannian",
    "gulp",
]
NEURONS = ["hard_correlation", "soft_correlation", "max_correlation"]
ALL = [
    *METRICS,
    *("procrustes", "shape", "nbs", "permutation_procrustes", "soft_matching[form=correlation]", "aligned_cosine"),
    *NEURONS,
    "eigenspace_overlap",
]


@functools.cache
def registry():
    return simbench.load()


def index_of(spec):
    return registry().get("indices", spec)


@pytest.mark.parametrize("spec", METRICS)
def test_distances_satisfy_the_triangle_inequality_across_widths(spec):
    a, b = related(60, 7, 5, seed=1)
    c = np.concatenate([a[:, :4], b[:, :2]], 1) + 0.3 * related(60, 6, 6, seed=2)[0]
    ab, bc, ca = similarity(spec, a, b), similarity(spec, b, c), similarity(spec, c, a)
    longest = max(ab, bc, ca)
    assert 0 < longest <= ab + bc + ca - longest


def test_bures_and_procrustes_are_one():
    a, b = related(40, 6, 9, seed=3)
    assert similarity("bures", a, b) == pytest.approx(similarity("procrustes[form=size_and_shape]", a, b), rel=1e-12)
    assert similarity("nbs", a, b) == pytest.approx(similarity("procrustes", a, b), rel=1e-12)
    cosine = similarity("procrustes", a, b)
    assert math.cos(similarity("procrustes[form=angular]", a, b)) == pytest.approx(cosine, rel=1e-12)
    assert similarity("procrustes[form=squared]", a, b) == pytest.approx(2 - 2 * cosine, rel=1e-12)


def test_shape_joins_procrustes_to_canonical_correlations():
    a, b = related(80, 6, 9, seed=4)
    assert similarity("shape", a, b) == similarity("procrustes[form=angular]", a, b)
    rho = 6 * similarity("cca", a, b)
    assert similarity("shape[alpha=0]", a, b) == pytest.approx(math.acos(rho / math.sqrt(6 * 9)), rel=1e-10)
    close = [similarity(f"shape[alpha={alpha}]", a, b) for alpha in (1e-12, 1 - 1e-12)]
    ends = [similarity(f"shape[alpha={alpha}]", a, b) for alpha in (0, 1)]
    assert close == pytest.approx(ends, rel=1e-9)


def test_gulp_without_penalty_counts_squared_canonical_correlations():
    a, b = related(80, 6, 9, seed=5)
    squared = similarity("gulp[strength=0,squared=true]", a, b)
    assert squared == pytest.approx(6 + 9 - 2 * 6 * similarity("cca[mean=rho2]", a, b), rel=1e-10)
    assert similarity("gulp[strength=0]", a, b) ** 2 == pytest.approx(squared, rel=1e-12)
    # A large penalty leaves strength d = sqrt(|S_a|^2 + |S_b|^2 - 2 |S_ab|^2), covariances of trace 1.
    s, (x, y) = 1e6, (slow.unit(slow.centred(z)) for z in (a, b))
    assert s * similarity(f"gulp[strength={s}]", a, b) == pytest.approx(np.linalg.norm(x @ x.T - y @ y.T), rel=1e-5)


def test_eigenspace_overlap_of_centred_rows_is_the_mean_squared_correlation():
    a, b = (slow.centred(x) for x in related(80, 9, 9, seed=6))
    mean = similarity("cca[mean=rho2]", a, b)
    assert similarity("eigenspace_overlap", a, b) == pytest.approx(mean, rel=1e-10)


def test_permutations_are_the_best_of_all():
    a, b = related(30, 3, 5, seed=7)
    x, y, c = slow.centred(a), slow.centred(b), slow.correlations(a, b)
    matches = list(itertools.permutations(range(5), 3))
    best = max(sum(x[:, i] @ y[:, j] for i, j in enumerate(match)) for match in matches)
    cosine = best / np.linalg.norm(x) / np.linalg.norm(y)
    assert similarity("permutation_procrustes", a, b) == pytest.approx(cosine, rel=1e-12)
    assert similarity("permutation_procrustes", b, a) == pytest.approx(cosine, rel=1e-12)
    hard = max(np.mean([c[i, j] for i, j in enumerate(match)]) for match in matches)
    assert similarity("hard_correlation", a, b) == pytest.approx(hard, rel=1e-12)
    assert similarity("permutation_procrustes", a, a[:, [2, 0, 1]]) == pytest.approx(1, abs=1e-14)


def test_soft_matching_is_a_permutation_for_equal_widths_and_sees_no_copies():
    a, b = related(30, 6, 6, seed=8)
    hard = similarity("permutation_procrustes[form=size_and_shape]", a, b)
    assert similarity("soft_matching", a, b) == pytest.approx(hard / math.sqrt(6), rel=1e-12)
    copies = np.concatenate([b, b, b[:, ::-1]], 1)
    assert similarity("soft_matching", a, copies) == pytest.approx(similarity("soft_matching", a, b), rel=1e-12)
    corr = similarity("soft_matching[form=correlation]", a, b)
    assert corr == pytest.approx(similarity("hard_correlation", a, b), rel=1e-12)


def test_the_plan_of_soft_matching_has_uniform_marginals():
    cost = torch.from_numpy(np.random.default_rng(0).normal(size=(7, 12)))
    plan = SoftMatching()._plan(cost)
    assert (plan >= 0).all()
    torch.testing.assert_close(plan.sum(1), torch.full_like(plan[:, 0], 1 / 7))
    torch.testing.assert_close(plan.sum(0), torch.full_like(plan[0], 1 / 12))


@pytest.mark.parametrize("spec", METRICS)
def test_small_distances_have_all_their_digits(spec):
    """An arccos or a root of a difference would leave 1e-8; noise of 1e-10 has 6 digits itself."""
    a, noise = related(60, 6, 6, seed=9)
    one, two = (similarity(spec, a, a + size * noise) for size in (1e-10, 2e-10))
    assert 0 < one < 1e-7 and two / one == pytest.approx(2, rel=1e-4)


@pytest.mark.parametrize("spec", METRICS)
def test_streamed_moments_resolve_larger_distances_and_give_zero_for_the_same_rows(spec):
    a, b = (torch.from_numpy(x) for x in related(60, 6, 9, seed=10))
    index = index_of(spec)
    assert float(index.from_moments(Moments.of(a, b))) == pytest.approx(similarity(spec, a, b), rel=1e-9)
    assert float(index.from_moments(Moments.of(a[:30], a[:30]) + Moments.of(a[30:], a[30:]))) < 1e-6


MATCHING = [*NEURONS, "permutation_procrustes", "permutation_procrustes[centred=false]", "soft_matching"]


@pytest.mark.parametrize("spec", [*MATCHING, "soft_matching[form=correlation]"])
def test_indices_that_match_neurons_take_rows_where_moments_would_do(spec):
    index = index_of(spec)
    for widths in ((7, 9), (30, 25)):
        a, b = (torch.from_numpy(x) for x in related(20, *widths, seed=17))
        states = index.prepare(a), index.prepare(b)
        assert float(index.compare(*states)) == pytest.approx(float(index.from_moments(Moments.of(a, b))), rel=1e-12)


@pytest.mark.parametrize("spec", MATCHING)
def test_too_many_pairs_of_neurons_are_refused_in_one_line(spec):
    a, b = (np.random.default_rng(0).normal(size=(4, width)) for width in (8300, 2100))
    with pytest.raises(InputError, match="8300 neurons are compared with 2100 one by one; at most 16777216 pairs are"):
        similarity(spec, a, b)


@pytest.mark.parametrize("spec", ALL)
def test_constant_rows_are_refused_in_one_line(spec):
    a, b = related(30, 4, 3, seed=11)
    value = 0.0 if spec in ("aligned_cosine", "eigenspace_overlap") else 7.3  # the two about zero
    for x, y, name in ((np.full_like(a, value), b, "a"), (a, np.full_like(b, value), "b")):
        with pytest.raises(InputError, match=f"{name} (is constant|has no row)") as error:
            similarity(spec, x, y)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "spec",
    [
        *("procrustes[centred=false]", "shape[alpha=0,centred=false]", "shape[alpha=0.5,centred=false]"),
        *("bures[centred=false]", "nbs[centred=false]", "riemannian[centred=false]", "eigenspace_overlap"),
    ],
)
@pytest.mark.filterwarnings("ignore::simbench.DegenerateWarning")
def test_wide_rows_make_no_product_of_all_features(spec, monkeypatch):
    def refused(x, y):
        raise AssertionError(f"{x.shape[1]} x {y.shape[1]} numbers are asked for")

    a, b = related(12, 30, 25, seed=12)
    expected = index_of(spec).from_moments(Moments.of(*map(torch.from_numpy, (a, b))))
    monkeypatch.setattr("simbench.moments.scatter.product", refused)
    monkeypatch.setattr("simbench.moments.pair.product", refused)
    assert similarity(spec, a, b) == pytest.approx(float(expected), rel=1e-6)


def test_aligned_cosine_leaves_out_rows_without_direction():
    a, b = related(30, 5, 4, seed=13)
    less = a.copy(), b.copy()
    less[0][3], less[1][8] = 0, 0
    assert similarity("aligned_cosine", *less) == pytest.approx(slow.aligned_cosine(*less), rel=1e-12)
    halves = np.concatenate([a[:15], 0 * a[15:]]), np.concatenate([0 * b[:15], b[15:]])
    with pytest.raises(InputError, match="no row is non-zero in both"):
        similarity("aligned_cosine", *halves)


def test_aligned_cosine_of_a_rotated_and_scaled_copy_is_one():
    a = related(30, 5, 5, seed=14)[0]
    assert similarity("aligned_cosine", a, turned(a, 1, 7.0)) == pytest.approx(1, abs=1e-14)


def test_max_correlation_runs_from_a_to_b():
    a = related(30, 4, 4, seed=15)[0]
    assert similarity("max_correlation", a[:, :2], a) == pytest.approx(1, abs=1e-14)
    assert similarity("max_correlation", a, a[:, :2]) < 1 - 1e-3


def test_soft_matching_without_its_package_is_refused_in_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "ot", None)
    with pytest.raises(InputError, match="soft_matching needs the package POT, .* pip install POT"):
        similarity("soft_matching", *related(20, 3, 3, seed=16))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("gulp[strength=-1]", "strength is -1.0; a number from 0 is allowed"),
        ("shape[alpha=1.5]", "alpha is 1.5; a number from 0 to 1 is allowed"),
        ("riemannian[strength=0]", "strength is 0.0; a number from 1e-06 is allowed"),
    ],
)
def test_parameters_out_of_bounds_are_refused(spec, message):
    with pytest.raises(InputError, match=message):
        index_of(spec)


@pytest.mark.parametrize("wrong", [UnevenGULP(), UnevenGULP(strength=1.0), GreedyMatching(), HeavyMatching()], ids=str)
def test_the_kit_finds_the_mistake(wrong):
    outcomes = {check.name: check.run() for check in checks(wrong) if check.name in ("known_answers", "identity")}
    assert outcomes["known_answers"].status == "failed", outcomes["known_answers"].reason
    if isinstance(wrong, UnevenGULP):
        assert outcomes["identity"].status == "failed", outcomes["identity"].reason
