"""Indices of neighbours against lists and sets of Python, closed forms, and rows that tie."""

import numpy as np
import oracle_neighbours as oracle
import pytest
import torch
from paired_rows import correlated, rotation
from simbench_plugins.indices.neighbourhoods import CKNNA, SecondOrderCosine
from simbench_plugins.indices.neighbours import LCSKNN, EditKNN, Jaccard, MutualKNN, RankSimilarity
from zoo_rows import ROWS

from simbench import InputError, similarity

LISTS = {
    Jaccard: oracle.jaccard,
    MutualKNN: oracle.mutual_knn,
    RankSimilarity: oracle.rank_similarity,
    LCSKNN: oracle.lcs_knn,
    EditKNN: oracle.edit_knn,
}
INSIDE = [CKNNA(), CKNNA(5, "unbiased"), SecondOrderCosine(), SecondOrderCosine(4, "distances")]
ALL = [*(kind() for kind in LISTS), LCSKNN(normalised=True), *INSIDE]
ids = {"ids": lambda value: getattr(value, "spec", None) or getattr(value, "__name__", str(value))}


@pytest.fixture(scope="module")
def lists():
    """Every neighbour list of the reference, computed once."""
    pairs = {name: make() for name, make in ROWS.items()}
    return pairs, {
        (name, metric, side): oracle.nearest(x, 10, metric)
        for name, pair in pairs.items()
        for metric in ("cosine", "euclidean")
        for side, x in zip("ab", pair, strict=True)
    }


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("name", ROWS)
def test_lists_and_their_overlaps_are_those_of_sets(lists, name, metric):
    pairs, nearest = lists
    a, b = pairs[name]
    for side, x in zip("ab", (a, b), strict=True):
        assert Jaccard(metric=metric).prepare(torch.from_numpy(x)).tolist() == nearest[name, metric, side]
    for kind, reference in LISTS.items():
        for k in (1, 3, 10):
            expected = np.mean(
                [
                    reference.score(p[:k], q[:k])
                    for p, q in zip(nearest[name, metric, "a"], nearest[name, metric, "b"], strict=True)
                ]
            )
            assert similarity(kind(k=k, metric=metric), a, b) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", ROWS)
def test_similarities_inside_neighbourhoods_are_those_of_loops(name):
    a, b = (x[:40] for x in ROWS[name]())
    for index in INSIDE:
        reference = oracle.cknna if isinstance(index, CKNNA) else oracle.second_order_cosine
        expected = reference(a, b, **index.params)
        assert similarity(index, a, b) == pytest.approx(expected, rel=1e-9, abs=1e-9), index.spec


@pytest.mark.parametrize("k", [1, 2, 3, 10])
@pytest.mark.parametrize("kind", [*LISTS, CKNNA, SecondOrderCosine], **ids)
def test_known_answers_hold_for_every_k(kind, k):
    for index in [kind(k=k), kind(k=k, metric="euclidean") if kind in LISTS else kind(k=k)]:
        answers = index.known_answers()
        assert answers
        for known in answers:
            assert similarity(index, known.a, known.b) == pytest.approx(known.value, abs=1e-12), known.why


def circle(*degrees):
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], 1)


def test_overlaps_of_four_points_by_hand():
    # Rows at 0, 10, 30 and 70 degrees; b swaps the last two. Lists of 2: a 12 02 10 21, b 13 03 31 12.
    a, b = circle(0, 10, 30, 70), circle(0, 10, 70, 30)
    assert Jaccard(2).prepare(torch.from_numpy(a)).tolist() == [[1, 2], [0, 2], [1, 0], [2, 1]]
    assert Jaccard(2).prepare(torch.from_numpy(b)).tolist() == [[1, 3], [0, 3], [3, 1], [1, 0]]
    assert similarity("mutual_knn[k=2]", a, b) == pytest.approx(4 / 8)
    assert similarity("jaccard[k=2]", a, b) == pytest.approx(1 / 3)
    # Places of the common rows: 1 and 1; 1 and 1; 1 and 2; 2 and 1. H = 1.
    assert similarity("rank_similarity[k=2]", a, b) == pytest.approx((1 + 1 + 1 / 3 + 1 / 3) / 4)
    assert similarity("lcs_knn[k=2]", a, b) == pytest.approx(1)
    # 12 to 13: 1; 02 to 03: 1; 10 to 31: 2; 21 to 10: 2.
    assert similarity("edit_knn[k=2]", a, b) == pytest.approx(1 - 6 / 8)


@pytest.mark.parametrize("index", ALL, **ids)
def test_a_row_is_no_neighbour_of_its_own(index):
    # b reverses the rows of two opposite pairs, so that no row keeps its only near one.
    a = circle(0, 1, 90, 91, 180, 182)
    assert similarity(type(index)(k=1), a, a[[0, 2, 1, 4, 3, 5]]) < 0.5 * index.claims.range[1]


@pytest.mark.parametrize("index", ALL, **ids)
def test_repeated_rows_stand_in_the_order_of_their_indices(index):
    a, b = (np.repeat(x, 6, 0) for x in correlated(9, 4, 5, seed=1))
    value = similarity(index, a, b)
    reference = (LISTS | {CKNNA: oracle.cknna, SecondOrderCosine: oracle.second_order_cosine})[type(index)]
    params = {key: value for key, value in index.params.items() if key != "normalised"}
    scale = index.k if index.params.get("normalised") else 1
    assert value == pytest.approx(reference(a, b, **params) / scale, abs=1e-9)
    # Rotations and scales round repeated rows, and rows at equal distances, in other ways.
    moved = 7 * a @ rotation(4, 2), b @ rotation(5, 3) / 3
    assert similarity(index, *moved) == pytest.approx(value, abs=1e-9)
    assert similarity(index, a, a) == pytest.approx(similarity(index, moved[0], moved[0]), abs=1e-9)


@pytest.mark.parametrize("index", ALL, **ids)
def test_rows_of_zeros_have_a_value(index):
    a, b = (np.maximum(x - 1.5, 0) for x in correlated(60, 3, 4, seed=2))
    assert (a == 0).all(1).sum() > 11
    assert np.isfinite(similarity(index, a, b))
    assert similarity(index, a, a) == pytest.approx(similarity(index, b, b), abs=1e-9)


@pytest.mark.parametrize("index", ALL, **ids)
def test_too_many_neighbours_are_refused_with_a_line(index):
    a, b = correlated(index.k, 3, 4, seed=3) if index.k > 3 else correlated(4, 3, 4, seed=3)
    with pytest.raises(InputError, match=f"a has {index.k} rows, of which none has k={index.k} others"):
        similarity(index, a, b)
    with pytest.raises(InputError, match="k is 0; a whole number from 1 is allowed"):
        type(index)(k=0)


def test_all_rows_tie_on_the_corners_of_a_simplex():
    lists = Jaccard(3).prepare(torch.from_numpy(np.eye(6) @ rotation(6, 4)))
    assert lists.tolist() == [sorted({*range(6)} - {i})[:3] for i in range(6)]


def test_more_rows_tie_than_are_looked_at_first():
    # 40 rows at one place and 40 at another: the 3 nearest are the first 3 others of the same place.
    a = np.repeat(np.eye(2), 40, 0)[np.random.default_rng(5).permutation(80)]
    lists = Jaccard(3).prepare(torch.from_numpy(a @ rotation(2, 6)))
    expected = [[j for j in range(80) if j != i and (a[j] == a[i]).all()][:3] for i in range(80)]
    assert lists.tolist() == expected


def test_the_published_code_has_an_hsic_of_neighbours_that_is_not_symmetric():
    a, b = correlated(40, 5, 6, seed=7)
    one, other = (similarity("cknna[estimator=unbiased]", *pair) for pair in ((a, b), (b, a)))
    assert abs(one - other) > 1e-4
