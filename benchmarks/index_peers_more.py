"""`index_peers`, continued: regressions, canonical correlations, neighbours, neurons and statistics."""

from __future__ import annotations

import numpy as np
from index_peers import _centred, _google, _normed, _platonic, _tensors, _unit_rows, peer
from numpy import ndarray
from packages import code

# Regressions and canonical correlations


@peer("r2_lr", "scikit-learn LinearRegression")
def _(a, b):
    from sklearn.linear_model import LinearRegression
    from sklearn.metrics import r2_score

    return r2_score(b, LinearRegression().fit(a, b).predict(a), multioutput="variance_weighted")


@peer("r2_lr", "resi linear_reg")
def _(a, b):
    from repsim.measures.linear_regression import linear_reg

    return linear_reg(b, a, "nd")


@peer("ridge", "scikit-learn Ridge")
def _(a, b):
    from sklearn.linear_model import Ridge

    return _predictivity(Ridge(1.0), a, b)


@peer("pls", "scikit-learn PLSRegression", rows=400)
def _(a, b):
    from sklearn.cross_decomposition import PLSRegression

    return _predictivity(PLSRegression(min(25, a.shape[1] - 1), scale=False, tol=1e-20, max_iter=10**4), a, b)


@peer("cca", "svcca get_cca_similarity")
def _(a, b):
    from cca_core import get_cca_similarity

    return get_cca_similarity(a.T, b.T, verbose=False)["cca_coef1"].mean()


@peer("cca[mean=rho2]", "representation_similarity cca")
def _(a, b):
    theirs = _google()
    return theirs.cca(_centred(a), _centred(b))


@peer("svcca", "svcca get_cca_similarity")
def _(a, b):
    from cca_core import get_cca_similarity

    return get_cca_similarity(*(_leading(x).T for x in (a, b)), verbose=False)["cca_coef1"].mean()


@peer("svcca", "resi svcca", "theirs divides shares by the variance twice, and keeps one component or few")
def _(a, b):
    from repsim.measures.cca import svcca

    return svcca(a, b, "nd")


@peer("pwcca", "sim_metric pwcca_dist", "theirs divides by the weights of all p variates, also those without a partner")
def _(a, b):
    theirs, a, b = code("sim_metric/dists/scoring.py"), _normed(a).T, _normed(b).T
    _, rho, _, variates, _ = theirs.cca_decomp(a, b)
    return 1 - theirs.pwcca_dist(a, rho, variates)


@peer(
    "pwcca",
    "svcca compute_pwcca",
    "theirs takes weights from variates that are not whitened, and needs p <= q",
    sets=(0, 2),
)
def _(a, b):
    from pwcca import compute_pwcca

    return compute_pwcca(a.T, b.T)[0]


@peer("gulp[squared=true]", "GULP predictor_dist")
def _(a, b):
    a, b = (_normed(x).T * len(x) ** 0.5 for x in (a, b))
    return code("GULP/distance_functions.py").predictor_dist(a, b, lmbda=0.01)


@peer("gulp[strength=0,squared=true]", "resi gulp")
def _(a, b):
    from repsim.measures.gulp import gulp

    return gulp(a, b, "nd")


@peer("eigenspace_overlap[divide=width]", "resi eigenspace_overlap_score")
def _(a, b):
    from repsim.measures.eigenspace_overlap import eigenspace_overlap_score

    return eigenspace_overlap_score(a, b, "nd")


def _leading(x: ndarray) -> ndarray:
    """Coordinates in the fewest principal components with 0.99 of the variance, as in the tutorials of svcca."""
    left, values, _ = np.linalg.svd(_centred(x), full_matrices=False)
    share = np.cumsum(values**2) / np.sum(values**2)
    return (left * values)[:, : np.argmax(share >= 0.99) + 1]


def _predictivity(regression, a: ndarray, b: ndarray) -> float:
    """Mean over ten folds of the median correlation, as in Brain-Score, with folds of consecutive rows."""
    from sklearn.model_selection import KFold

    scores = []
    for train, test in KFold(10).split(a):
        predicted, truth = regression.fit(a[train], b[train]).predict(a[test]), b[test]
        scores.append(np.median([np.corrcoef(x, y)[0, 1] for x, y in zip(predicted.T, truth.T, strict=True)]))
    return np.mean(scores)


# Neighbours


@peer("jaccard", "resi jaccard_similarity")
def _(a, b):
    from repsim.measures.nearest_neighbor import jaccard_similarity

    return jaccard_similarity(a, b, "nd", n_jobs=1)


@peer("rank_similarity", "resi rank_similarity")
def _(a, b):
    from repsim.measures.nearest_neighbor import rank_similarity

    return rank_similarity(a, b, "nd", n_jobs=1)


@peer("second_order_cosine[vectors=distances]", "resi second_order_cosine_similarity")
def _(a, b):
    from repsim.measures.nearest_neighbor import second_order_cosine_similarity

    return second_order_cosine_similarity(a, b, "nd", n_jobs=1, n_jobs_neighbors=1)


def _of_neighbours(metric: str):
    def call(a, b) -> float:
        measure = getattr(_platonic().AlignmentMetrics, metric)
        return float(measure(*_tensors(_unit_rows(a), _unit_rows(b)), topk=10))

    return call


for _index, _metric in (("mutual_knn", "mutual_knn"), ("lcs_knn", "lcs_knn")):
    peer(_index, f"platonic-rep {_metric}", "theirs sums in float32")(_of_neighbours(_metric))
peer("edit_knn", "platonic-rep edit_distance_knn")(_of_neighbours("edit_distance_knn"))
peer("cknna[estimator=unbiased]", "platonic-rep cknna", "theirs adds 1e-6 to the denominator")(_of_neighbours("cknna"))


# Neurons


@peer("hard_correlation", "resi hard_correlation_match")
def _(a, b):
    from repsim.measures.correlation_match import hard_correlation_match

    return hard_correlation_match(a, b, "nd")


@peer("soft_correlation", "resi soft_correlation_match")
def _(a, b):
    from repsim.measures.correlation_match import soft_correlation_match

    return soft_correlation_match(a, b, "nd")


@peer("max_correlation", "scipy cdist")
def _(a, b):
    from scipy.spatial.distance import cdist

    return np.abs(1 - cdist(a.T, b.T, "correlation")).max(1).mean()


# Statistics


@peer("magnitude", "resi magnitude_difference")
def _(a, b):
    from repsim.measures.statistics import magnitude_difference

    return magnitude_difference(a, b, "nd")


@peer("concentricity", "resi concentricity_difference")
def _(a, b):
    from repsim.measures.statistics import concentricity_difference

    return concentricity_difference(a, b, "nd")


@peer("uniformity[normalised=false,pairs=all]", "resi uniformity_difference")
def _(a, b):
    from repsim.measures.statistics import uniformity_difference

    return uniformity_difference(a, b, "nd")


@peer("effective_rank", "scipy svdvals and entropy")
def _(a, b):
    from scipy.linalg import svdvals
    from scipy.stats import entropy

    return abs(np.exp(entropy(svdvals(a))) - np.exp(entropy(svdvals(b))))


@peer("twonn", "scikit-dimension TwoNN")
def _(a, b):
    from skdim.id import TwoNN

    return abs(TwoNN().fit(a).dimension_ - TwoNN().fit(b).dimension_)


@peer("spectrum", "scikit-learn PCA")
def _(a, b):
    from sklearn.decomposition import PCA

    ratios = [PCA().fit(x).explained_variance_ratio_ for x in (a, b)]
    return np.linalg.norm(np.subtract(*(np.pad(x, (0, max(map(len, ratios)) - len(x))) for x in ratios)))
