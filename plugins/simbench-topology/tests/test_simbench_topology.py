from itertools import combinations

import numpy as np
import pytest
import torch
from scipy.linalg import expm
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from simbench_topology.barcodes import bars
from simbench_topology.imd import IMD, scales
from simbench_topology.persistence import Persistence
from simbench_topology.rtd import RTD, joined
from sklearn.neighbors import kneighbors_graph

from simbench import InputError, similarity
from simbench.check import parametrize

CLAIMED = [RTD(), IMD(), IMD(k=1)]
CLAIMED += [Persistence(dimension=d, distance=how) for d in (0, 1) for how in ("wasserstein", "bottleneck")]


@parametrize(*CLAIMED)
def test_conforms(check):
    check()


def draw(seed: int, n: int = 9, p: int = 3):
    """Rows a (n, p) and b (n, p + 1) that are related."""
    random = np.random.default_rng(seed)
    a = random.normal(size=(n, p)) * [1, 10, 100][seed % 3]
    return a, np.hstack([a + a.std() * random.normal(size=(n, p)), random.normal(size=(n, 1))])


def distances(rows):
    """Distances over their 0.9 quantile."""
    apart = cdist(rows, rows)
    return apart / np.quantile(apart, 0.9)


def reduced(apart, dimension: int):
    """Bars (k, 2) of positive length, by the reduction of the boundary matrix of all simplices modulo 2."""
    finite = apart[np.isfinite(apart)].max()
    simplices = []
    for size in range(1, dimension + 3):
        for corners in combinations(range(len(apart)), size):
            at = max((apart[pair] for pair in combinations(corners, 2)), default=0.0)
            if at <= finite:
                simplices.append((at, size, corners))
    simplices.sort()
    place = {corners: i for i, (_, _, corners) in enumerate(simplices)}
    columns, found, alive = {}, [], {}
    for i, (at, size, corners) in enumerate(simplices):
        column = {place[corners[:k] + corners[k + 1 :]] for k in range(size)} if size > 1 else set()
        while column and max(column) in columns:
            column = column ^ columns[max(column)]
        if column:
            columns[max(column)] = column
            born, was, _ = simplices[max(column)]
            alive.pop(max(column), None)
            if was == dimension + 1 and at > born:
                found.append((born, at))
        elif size == dimension + 1:
            alive[i] = at
    assert len(alive) == (dimension == 0)  # all else dies
    return np.array(sorted(found)).reshape(-1, 2)


def matched(left, right) -> tuple[float, float]:
    """Wasserstein (p = 1) and bottleneck distance of diagrams with the largest norm, by assignment."""
    m, n = len(left), len(right)
    cost = np.zeros((m + n, n + m))
    cost[:m, :n] = np.abs(left[:, None] - right[None]).max(-1, initial=0)
    cost[:m, n:] = (np.diff(left) / 2).reshape(-1, 1)
    cost[m:, :n] = (np.diff(right) / 2).reshape(1, -1)
    rows, columns = linear_sum_assignment(cost)
    reached = [x for x in np.unique(cost) if linear_sum_assignment(cost > x)[0].size and allowed(cost, x)]
    return cost[rows, columns].sum(), min(reached, default=0.0)


def allowed(cost, most: float) -> bool:
    rows, columns = linear_sum_assignment(cost > most)
    return not (cost > most)[rows, columns].any()


@pytest.mark.parametrize("seed", range(4))
def test_rtd_is_the_length_of_the_bars_of_the_joined_graph(seed):
    sides = [distances(rows) for rows in draw(seed)]
    lengths = [np.diff(reduced(joined(*pair), 1)).sum() for pair in (sides, sides[::-1])]
    assert min(lengths) > 0
    assert similarity(RTD(), *draw(seed)) == pytest.approx(np.mean(lengths), abs=1e-9)


def test_rtd_sees_which_rows_belong_together():
    a, _ = draw(0)
    assert similarity(RTD(), a, a[::-1].copy()) > 0.1


def test_the_joined_graph_is_that_of_algorithm_1():
    a, b = np.array([[0.0, 1], [1, 0]]), np.array([[0.0, 3], [3, 0]])
    inf = np.inf
    expected = [[0, 1, 0, inf, 0], [1, 0, 1, 0, 0], [0, 1, 0, 1, inf], [inf, 0, 1, 0, inf], [0, 0, inf, inf, 0]]
    np.testing.assert_array_equal(joined(a, b), expected)
    expected[2][3] = expected[3][2] = 1  # the smaller of 3 and 1
    np.testing.assert_array_equal(joined(b, a)[2:4, 2:4], np.array([[0, 1], [1, 0]]))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("dimension", [0, 1])
def test_bars_are_those_of_the_boundary_matrix(seed, dimension):
    apart = distances(draw(seed, n=11)[0])
    found = bars(apart, dimension)
    np.testing.assert_allclose(found[np.lexsort(found.T[::-1])], reduced(apart, dimension), atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("dimension", [0, 1])
def test_persistence_matches_bars_at_least_cost(seed, dimension):
    left, right = (reduced(distances(rows), dimension) for rows in draw(seed, n=11))
    for how, expected in zip(("wasserstein", "bottleneck"), matched(left, right), strict=True):
        value = similarity(Persistence(dimension=dimension, distance=how), *draw(seed, n=11))
        assert value == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("k", [1, 3, 5])
def test_imd_is_the_largest_weighted_difference_of_heat_traces(k):
    traces = []
    for rows in draw(k, n=30):
        graph = kneighbors_graph(rows, k).toarray()
        graph = np.maximum(graph, graph.T)
        inverse = np.diag(graph.sum(1) ** -0.5)
        laplacian = np.eye(30) - inverse @ graph @ inverse
        traces.append([np.trace(expm(-t * laplacian)) / 30 for t in np.logspace(-1, 1, 256)[::51]])
    times = np.array(scales())[::51]
    np.testing.assert_allclose(times, np.logspace(-1, 1, 256)[::51], rtol=1e-12)
    states = [IMD(k=k).prepare(torch.from_numpy(rows)).numpy()[::51] for rows in draw(k, n=30)]
    np.testing.assert_allclose(states, traces, atol=1e-12)
    a, b = (IMD(k=k).prepare(torch.from_numpy(rows)) for rows in draw(k, n=30))
    weights = np.exp(-2 * (np.array(scales()) + 1 / np.array(scales())))
    expected = (weights * np.abs(a.numpy() - b.numpy())).max()
    assert 0 < similarity(IMD(k=k), *draw(k, n=30)) == pytest.approx(expected, abs=1e-15)


def test_equal_rows_have_no_scale():
    a = np.zeros((40, 2))
    a[0] = 1
    with pytest.raises(InputError, match=r"0\.9 quantile of distances is 0"):
        similarity(RTD(), a, np.random.default_rng(0).normal(size=(40, 2)))


def test_too_few_rows_are_refused():
    a = np.random.default_rng(0).normal(size=(4, 2))
    with pytest.raises(InputError, match="k=5"):
        similarity(IMD(), a, a)
