"""Who computes which index: one function per peer and index, from rows a (n, p) and b (n, q) to a number.

The function converts another form of the number (square, arccos, distance); `why` says by which convention it differs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy import ndarray
from packages import code

Call = Callable[[ndarray, ndarray], float]


@dataclass(frozen=True)
class Peer:
    """index: a spec of ours. who: whose function, as `package function`. why: the convention by which its values
    differ, empty if they are equal. rows: most rows it is timed on. sets: data sets on which values are compared."""

    index: str
    who: str
    call: Call
    why: str = ""
    rows: int = 1000
    sets: tuple[int, ...] = (0, 1, 2)


PEERS: list[Peer] = []
_NULL = "theirs adds the square roots of n - p eigenvalues that are rounding errors"


def peer(index: str, who: str, why: str = "", **more: Any) -> Callable[[Call], Call]:
    def listed(call: Call) -> Call:
        PEERS.append(Peer(index, who, call, why, **more))
        return call

    return listed


def _centred(x: ndarray) -> ndarray:
    return x - x.mean(0)


def _normed(x: ndarray) -> ndarray:
    x = _centred(x)
    return x / np.linalg.norm(x)


def _unit_rows(x: ndarray) -> ndarray:
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def _gram(x: ndarray) -> ndarray:
    x = _centred(x)
    return x @ x.T


def _padded(a: ndarray, b: ndarray) -> tuple[ndarray, ndarray]:
    width = max(a.shape[1], b.shape[1])
    return tuple(np.pad(x, ((0, 0), (0, width - x.shape[1]))) for x in (a, b))


# Kernels


@peer("cka", "resi centered_kernel_alignment")
def _(a, b):
    from repsim.measures.cka import centered_kernel_alignment

    return centered_kernel_alignment(a, b, "nd")


@peer("cka", "representation_similarity feature_space_linear_cka")
def _(a, b):
    return _google().feature_space_linear_cka(a, b)


@peer("cka", "sim_metric lin_cka_dist")
def _(a, b):
    return 1 - code("sim_metric/dists/scoring.py").lin_cka_dist(_normed(a).T, _normed(b).T)


@peer("cka[form=angular]", "netrep LinearCKA")
def _(a, b):
    from netrep.metrics import LinearCKA

    return LinearCKA().score(a, b)


@peer("cka[estimator=debiased]", "representation_similarity feature_space_linear_cka")
def _(a, b):
    return _google().feature_space_linear_cka(a, b, debiased=True)


@peer("cka[kernel=rbf,median=all]", "representation_similarity gram_rbf and cka")
def _(a, b):
    theirs = _google()
    return theirs.cka(theirs.gram_rbf(a), theirs.gram_rbf(b))


@peer("kernel_alignment", "netrep LinearCKA")
def _(a, b):
    from netrep.metrics import LinearCKA

    return np.cos(LinearCKA(center_columns=False).score(a, b))


@peer("hsic[kernel=linear]", "RTD hsic")
def _(a, b):
    return code("RTD/rtd/cka.py").hsic(a, b)


@peer("hsic[kernel=linear,estimator=unbiased]", "platonic-rep hsic_unbiased")
def _(a, b):
    return float(_platonic().hsic_unbiased(*_tensors(_gram(a), _gram(b))))


@peer("distance_correlation", "dcor distance_correlation")
def _(a, b):
    import dcor

    return dcor.distance_correlation(a, b)


@peer("distance_correlation", "resi distance_correlation")
def _(a, b):
    from repsim.measures.distance_correlation import distance_correlation

    return distance_correlation(a, b, "nd")


@peer("distance_correlation[estimator=unbiased]", "dcor u_distance_correlation_sqr")
def _(a, b):
    import dcor

    return dcor.u_distance_correlation_sqr(a, b)


# Shapes


@peer("procrustes", "scipy procrustes")
def _(a, b):
    from scipy.spatial import procrustes

    return np.sqrt(1 - procrustes(*_padded(a, b))[2])


@peer("procrustes[form=angular]", "netrep LinearMetric")
def _(a, b):
    from netrep.metrics import LinearMetric

    return LinearMetric(alpha=1.0).fit_score(a, b)


@peer("procrustes[form=squared]", "sim_metric procrustes")
def _(a, b):
    return code("sim_metric/dists/scoring.py").procrustes(_normed(a).T, _normed(b).T)


@peer("procrustes[form=size_and_shape]", "resi procrustes_size_and_shape_distance")
def _(a, b):
    from repsim.measures.procrustes import procrustes_size_and_shape_distance

    return procrustes_size_and_shape_distance(a, b, "nd")


@peer("shape[alpha=0.5]", "netrep LinearMetric")
def _(a, b):
    from netrep.metrics import LinearMetric

    return LinearMetric(alpha=0.5).fit_score(a, b)


@peer("permutation_procrustes[form=angular]", "netrep PermutationMetric")
def _(a, b):
    from netrep.metrics import PermutationMetric

    return PermutationMetric().fit_score(*_padded(a, b))


@peer("permutation_procrustes[form=size_and_shape,centred=false]", "resi permutation_procrustes")
def _(a, b):
    from repsim.measures.procrustes import permutation_procrustes

    return permutation_procrustes(a, b, "nd")


@peer("soft_matching", "POT emd2")
def _(a, b):
    import ot

    a, b = _centred(a), _centred(b)
    return np.sqrt(ot.emd2(ot.unif(a.shape[1]), ot.unif(b.shape[1]), ot.dist(a.T.copy(), b.T.copy()), numItermax=10**8))


@peer("bures[squared=true]", "netrep sq_bures_metric", _NULL)
def _(a, b):
    from netrep.utils import sq_bures_metric

    return sq_bures_metric(_gram(a), _gram(b))


@peer("nbs", "rsatoolbox compare bures", _NULL)
def _(a, b):
    return _rsatoolbox(a, b, "euclidean", "bures")


@peer("riemannian", "scipy eigvalsh")
def _(a, b):
    from scipy.linalg import eigvalsh

    grams = (g * (len(g) / np.trace(g)) + 0.01 * np.eye(len(g)) for g in (_gram(a), _gram(b)))
    return np.sqrt(np.square(np.log(eigvalsh(*grams))).sum())


@peer("aligned_cosine", "resi aligned_cossim")
def _(a, b):
    from repsim.measures.procrustes import aligned_cossim

    return aligned_cossim(a, b, "nd")


# Dissimilarities


@peer("rsa", "resi representational_similarity_analysis")
def _(a, b):
    from repsim.measures.rsa import representational_similarity_analysis

    return representational_similarity_analysis(a, b, "nd")


@peer("rsa", "rsatoolbox compare spearman")
def _(a, b):
    return _rsatoolbox(a, b, "correlation", "spearman")


@peer("rsa[rdm=sqeuclidean,comparison=pearson]", "rsatoolbox compare corr")
def _(a, b):
    return _rsatoolbox(a, b, "euclidean", "corr")


@peer("rsa[rdm=sqeuclidean,comparison=cosine]", "rsatoolbox compare cosine")
def _(a, b):
    return _rsatoolbox(a, b, "euclidean", "cosine")


@peer("rsa[rdm=sqeuclidean,comparison=whitened_cosine]", "rsatoolbox compare cosine_cov", rows=400)
def _(a, b):
    return _rsatoolbox(a, b, "euclidean", "cosine_cov")


@peer("rsa[comparison=kendall]", "rsatoolbox compare tau-b", rows=400)
def _(a, b):
    return _rsatoolbox(a, b, "correlation", "tau-b")


@peer("rsa[comparison=spearman,ties=uncorrected]", "rsatoolbox compare rho-a")
def _(a, b):
    return _rsatoolbox(a, b, "correlation", "rho-a")


@peer("rsa[rdm=mahalanobis,comparison=pearson]", "scipy pdist")
def _(a, b):
    from scipy.spatial.distance import pdist

    return np.corrcoef(pdist(a, "mahalanobis"), pdist(b, "mahalanobis"))[0, 1]


@peer("rsm_norm[rsm=euclidean,norm=spectral]", "resi rsm_norm_diff")
def _(a, b):
    from repsim.measures.rsm_norm_difference import rsm_norm_diff

    return rsm_norm_diff(a, b, "nd")


def _google():
    return code("similarity-repository/similarity/registry/representation_similarity/demo.py")


def _platonic():
    return code("platonic-rep/metrics.py")


def _tensors(*arrays: ndarray):
    import torch

    return [torch.from_numpy(x) for x in arrays]


def _rsatoolbox(a: ndarray, b: ndarray, rdm: str, comparison: str) -> float:
    from rsatoolbox.data import Dataset
    from rsatoolbox.rdm import calc_rdm, compare

    return float(compare(*(calc_rdm(Dataset(x), rdm) for x in (a, b)), comparison).item())
