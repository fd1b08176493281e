"""Intervals cover, and tests hold their size, on simulated pairs of networks; and the simulation is what it says."""

from __future__ import annotations

import coverage
import numpy as np
import pytest
from scipy import stats
from two_way import SETS, Effects, design, simulated, spearman, spearman_given_end

from simbench.statistics.blocks import blocks, cells
from simbench.statistics.comparisons import LEVEL, differences
from simbench.statistics.jackknife import Left, interval
from simbench.statistics.replicates import NETWORKS, PAIRS, Plan, correlated

DRAWS, R = 120, 0.35
UNKNOWN = np.empty((0, 2))


@pytest.fixture(scope="module", params=["pair noise", "pure dyads"])
def lefts(request) -> list[list[Left]]:
    """Of five equal indices in every draw: 12 networks, balanced:4, one layer. Pure dyads have hardly any effects of
    networks: there, leaving out networks alone counts what is peculiar to a pair twice."""
    found = []
    for seed in range(DRAWS):
        grid = simulated(seed, SETS[request.param], 12, design(12, 4), (R,) * 5, layers=1)
        block = next(block for block in blocks(grid) if block.scope == "pooled")
        some = correlated(grid, block, cells(grid, block.mask), Plan(True, 0, ()), "spearman")
        arrays = [part[:, 0] for part in (some.points[""], some.drawn[""][NETWORKS], some.drawn[""][PAIRS])]
        found.append([Left(*of_one, (12,), UNKNOWN) for of_one in zip(*arrays, strict=True)])
    return found


def test_intervals_cover_the_true_correlation_as_often_as_they_say(lefts):
    ends = np.array([[interval(left) for left in row] for row in lefts])
    hits = (ends[..., 0] <= spearman(R)) & (spearman(R) <= ends[..., 1])
    assert 0.92 <= hits.mean() <= 0.98


def test_the_variance_is_that_of_the_draws_and_at_most_half_as_much_again(lefts):
    """Without the term that leaves out pairs, it is 1.7 and 2.3 times that of the draws."""
    estimated = np.mean([[left.z.variance for left in row] for row in lefts])
    true = np.mean(np.square([[left.z.value for left in row] for row in lefts] - np.arctanh(spearman(R))))
    assert 0.9 < estimated / true < 1.6


def test_equal_indices_are_rarely_told_apart(lefts):
    gaps = [differences(row) for row in lefts]
    assert np.mean([gap.p <= LEVEL for row in gaps for gap in row]) <= 0.07
    assert np.mean([any(gap.adjusted <= LEVEL for gap in row) for row in gaps]) <= 0.1


def components(x: np.ndarray, networks: int) -> tuple[float, float, float, float]:
    """Variances of front, end and pair, and the correlation of a pair with its reciprocal, by the moments of Warner,
    Kenny and Stoto (1979), from values x (networks, networks) of all pairs."""
    n, off = networks, ~np.eye(networks, dtype=bool)
    x = np.where(off, x, 0)
    rows, columns, total = x.sum(1) / (n - 1), x.sum(0) / (n - 1), x.sum() / (n * (n - 1))
    front = (n - 1) ** 2 / (n * (n - 2)) * rows + (n - 1) / (n * (n - 2)) * columns - (n - 1) / (n - 2) * total
    end = (n - 1) ** 2 / (n * (n - 2)) * columns + (n - 1) / (n * (n - 2)) * rows - (n - 1) / (n - 2) * total
    pair = x - front[:, None] - end - total
    both, apart = (pair + pair.T)[off] / 2, (pair - pair.T)[off]
    same = np.square(both).sum() / 2 / ((n - 1) * (n - 2) / 2 - 1)
    other = np.square(apart).sum() / 2 / ((n - 1) * (n - 2))
    of_pair, with_reciprocal = same + other / 2, same - other / 2
    bias = of_pair * (n - 1) / (n * (n - 2)) + with_reciprocal / (n * (n - 2))
    return front.var(ddof=1) - bias, end.var(ddof=1) - bias, of_pair, with_reciprocal / of_pair


@pytest.mark.parametrize("name", SETS)
def test_effects_of_known_size_are_recovered(name):
    """Of 40 networks in 24 independent draws."""
    effects, pairs = SETS[name], design(40, None)
    a, b = np.array(pairs).T
    found = []
    for seed in range(24):
        x = np.zeros((40, 40))
        x[a, b] = effects.draw(np.random.default_rng(seed), 40, a, b, 1)[:, 0]
        found.append(components(x, 40))
    wanted = effects.front**2, effects.end**2, effects.pair**2, effects.reciprocal
    error = np.std(found, axis=0) / np.sqrt(24)
    assert (np.abs(np.mean(found, axis=0) - wanted) < 4 * error + 1e-3).all() and error.max() < 0.06


def test_indices_and_targets_correlate_as_they_are_asked_to():
    effects, values = Effects(0.5, 0.9, 0.6, 0.3), (0.0, 0.35, 0.6)
    found = []
    for seed in range(30):
        grid = simulated(seed, effects, 30, design(30, None), values, layers=1)
        of_targets = [y.values[:, 0] for y in grid.targets]
        found.append([[np.corrcoef(x.values[:, 0], y)[0, 1] for y in of_targets] for x in grid.indices])
    mean, error = np.mean(found, axis=(0, 2)), np.std(np.mean(found, axis=2), axis=0) / np.sqrt(30)
    assert (np.abs(mean - values) < 4 * error + 0.005).all() and error.max() < 0.03


def test_spearmans_correlations_of_the_population_are_those_of_many_draws():
    r, share, ends = 0.6, 0.4, 400
    rng = np.random.default_rng(0)
    end, pair = (
        rng.multivariate_normal([0, 0], [[1, r], [r, 1]], size).transpose(-1, *range(len(size)))
        for size in ((ends, 1), (ends, 400))
    )
    x, y = np.sqrt(share) * end + np.sqrt(1 - share) * pair
    ranks = [stats.rankdata(values).reshape(ends, -1) for values in (x, y)]
    assert np.corrcoef(*(values.ravel() for values in ranks))[0, 1] == pytest.approx(spearman(r), abs=0.04)
    left = [(values - values.mean(1, keepdims=True)).ravel() for values in ranks]
    assert np.corrcoef(*left)[0, 1] == pytest.approx(spearman_given_end(r, share), abs=0.01)


@pytest.mark.parametrize("fronts", [3, 4, 6])
def test_designs_are_balanced(fronts):
    for networks in (8, 12, 24):
        pairs = design(networks, fronts)
        assert len(set(pairs)) == len(pairs) == networks * fronts and all(a != b for a, b in pairs)
        for side in zip(*pairs, strict=True):
            assert set(np.bincount(side)) == {fronts}


def test_the_script_writes_its_tables_between_the_marks(tmp_path, monkeypatch, capsys):
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{coverage.START}\nold\n{coverage.STOP}\nafter\n")
    monkeypatch.setattr("sys.argv", ["coverage.py", "--quick", "--draws", "2", "--write", str(readme)])
    coverage.main()
    head, rows, tail = readme.read_text().replace(coverage.STOP, coverage.START).split(coverage.START)
    assert (head, tail) == ("before\n", "\nafter\n")
    assert rows.strip() == capsys.readouterr().out.strip() and "old" not in rows
    table = [row.split("|")[1:-1] for row in rows.splitlines() if row.startswith("| pair noise")]
    assert [len(row) for row in table] == [11, 11, 5]
    assert all(0 <= float(cell) <= 1 for row in table[:2] for cell in row[4:])
