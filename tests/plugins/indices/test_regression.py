"""Cross-validated regressions against singular value decompositions, closed forms and scikit-learn."""

import numpy as np
import oracle_regression as oracle
import pytest
import torch
from paired_rows import correlated, rotation
from simbench_plugins.indices.cca import CCA
from simbench_plugins.indices.partial_least_squares import leading, predictions
from simbench_plugins.indices.regression import PLS, Ridge
from sklearn.cross_decomposition import PLSRegression
from sklearn.linear_model import Ridge as Reference
from zoo_rows import ROWS

from simbench import InputError, similarity

CONFIGURED = [
    Ridge(),
    Ridge(score="r2", strength=0.1),
    Ridge(folds=4, average="mean", relative=True, strength=0.01),
    PLS(components=4),
    PLS(components=3, folds=3, score="r2", average="mean"),
]
ids = {"ids": lambda value: getattr(value, "spec", str(value))}


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("index", CONFIGURED, **ids)
def test_value_is_that_of_decompositions_fold_by_fold(index, name):
    a, b = ROWS[name]()
    expected = getattr(oracle, index.name)(a, b, **index.params)
    assert similarity(index, a, b) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("name", ["200x20 against 200x30", "a side of rank 6"])
def test_pls_with_the_components_of_brain_score(name):
    a, b = ROWS[name]()
    assert similarity("pls", a, b) == pytest.approx(oracle.pls(a, b), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("folds", [2, 10])
@pytest.mark.parametrize("score", ["correlation", "r2"])
@pytest.mark.parametrize("average", ["median", "mean"])
@pytest.mark.parametrize("index", [Ridge, PLS], **ids)
def test_known_answers(index, folds, score, average):
    answers = index(folds=folds, score=score, average=average).known_answers()
    assert len(answers) == 2
    for known in answers:
        value = similarity(index(folds=folds, score=score, average=average), known.a, known.b)
        assert value == pytest.approx(known.value, abs=1e-12), known.why


def test_ridge_predicts_as_scikit_learn_does():
    a, b = correlated(40, 6, 5, seed=1)
    values = []
    for test in np.array_split(np.arange(40), 5):
        train = np.setdiff1d(np.arange(40), test)
        guess = Reference(alpha=3.0).fit(a[train], b[train]).predict(a[test])
        values.append(np.median([np.corrcoef(*pair)[0, 1] for pair in zip(guess.T, b[test].T, strict=True)]))
    assert similarity("ridge[strength=3,folds=5]", a, b) == pytest.approx(np.mean(values), abs=1e-10)


@pytest.mark.parametrize("q", [1, 7])
def test_pls_predicts_as_scikit_learn_does_at_its_tightest_tolerance(q):
    a, b = correlated(60, 9, q, seed=2)
    a, b = a - a.mean(0), b - b.mean(0)
    reference = PLSRegression(4, scale=False, tol=1e-28, max_iter=100_000).fit(a[:45], b[:45]).predict(a[45:])
    x, y, other = (torch.from_numpy(z) for z in (a[:45], b[:45], a[45:]))
    mean = y.mean(0)
    guess = mean + predictions(x - x.mean(0), y - mean, other - x.mean(0), 4)
    np.testing.assert_allclose(guess, reference.reshape(15, q), atol=1e-9)


def test_pls_with_all_components_is_least_squares():
    a, b = (torch.from_numpy(x - x.mean(0)) for x in correlated(50, 6, 8, seed=3))
    expected = a @ torch.linalg.lstsq(a, b).solution
    np.testing.assert_allclose(predictions(a, b, a, 6), expected, atol=1e-10)


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1), (30, 40), (40, 30), (200, 120)])
def test_leading_singular_vector(shape):
    m = np.random.default_rng(4).normal(size=shape)
    u = np.linalg.svd(m)[0][:, 0]
    assert abs(float(leading(torch.from_numpy(m)) @ torch.from_numpy(u))) == pytest.approx(1, abs=1e-12)


def test_leading_singular_vector_is_found_beside_a_longer_column():
    # The longest column (2, 0) is a singular vector, of 2; that of the row (0, 1.5, 1.5) has 2.12.
    m = torch.tensor([[2.0, 0, 0], [0, 1.5, 1.5]], dtype=torch.float64)
    assert leading(m).abs().tolist() == pytest.approx([0, 1], abs=1e-12)


@pytest.mark.parametrize("index", [Ridge(strength=1e-6), PLS(components=2)], **ids)
def test_rows_that_tell_nothing_of_each_other_predict_nothing(index):
    # Rows fitted on would be predicted: 25 directions explain any 40 rows in part.
    a, b = (np.random.default_rng(seed).normal(size=(40, 25)) for seed in (5, 6))
    assert abs(similarity(index, a, b)) < 0.3


@pytest.mark.parametrize("index", [Ridge(), PLS()], **ids)
def test_neurons_that_are_constant_within_a_fold_have_no_score_there(index):
    a, b = correlated(40, 4, 3, seed=7)
    sparse = b[:, :1] * (np.arange(40) >= 36)[:, None]  # alive in the last of ten folds only
    one = similarity(index, a, np.concatenate([b, np.full((40, 2), 7.3)], 1))
    assert one == pytest.approx(similarity(index, a, b), abs=1e-12)
    # The last fold trains on nothing for the sparse neuron: correlation 0.
    assert similarity(index, a, sparse) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("index", [Ridge(folds=5), PLS(folds=5)], **ids)
def test_too_few_rows_are_refused_with_a_line(index):
    a, b = correlated(14, 3, 4, seed=8)
    with pytest.raises(InputError, match="a has 14 rows; folds=5 takes at least 15"):
        similarity(index, a, b)
    with pytest.raises(InputError, match="folds is 1; a whole number from 2 is allowed"):
        type(index)(folds=1)


def test_a_strength_lost_to_rounding_is_refused():
    a, b = correlated(40, 3, 4, seed=9)
    a[:36, 2] = a[:36, 1]  # equal but for the last fold, which is predicted from the others
    with pytest.raises(InputError, match="needs a larger strength than 1e-30, which is lost to rounding errors"):
        similarity("ridge[strength=1e-30]", a * 1e6, b)


def test_ridge_scales_with_a_unless_it_is_relative():
    a, b = correlated(60, 8, 5, seed=10)
    absolute, relative = Ridge(strength=50.0), Ridge(strength=1.0, relative=True)
    assert abs(similarity(absolute, a, b) - similarity(absolute, 100 * a, b)) > 1e-3
    moved = 100 * a @ rotation(8, 11) + 3
    assert similarity(relative, moved, b) == pytest.approx(similarity(relative, a, b), abs=1e-10)


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("index", [CCA(ridge=0.1), CCA("rho2", 2.0)], **ids)
def test_regularised_cca_is_that_of_inverse_roots(index, name):
    a, b = ROWS[name]()
    expected = oracle.regularised_cca(a, b, index.ridge, index.mean)
    assert similarity(index, a, b) == pytest.approx(expected, abs=1e-9)


def test_regularised_cca_tends_to_cca():
    a, b = correlated(80, 6, 9, seed=12)
    assert similarity("cca[ridge=1e-12]", a, b) == pytest.approx(similarity("cca", a, b), abs=1e-9)
    with pytest.raises(InputError, match="ridge is -1"):
        CCA(ridge=-1.0)
